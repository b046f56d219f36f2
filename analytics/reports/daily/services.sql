-- One row per service of the day, small groups already hidden.
SELECT u.app, u.service, u.category, u.grade, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max, u.bytes_down, u.connections
FROM usage_daily u
JOIN scope s ON u.day = s.first_day
WHERE u.app <> 'all'
ORDER BY COALESCE(u.bytes_up, -1) DESC, COALESCE(u.people, -1) DESC, u.app
