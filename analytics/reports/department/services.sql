-- One row per service the department used in the week, small groups already hidden.
SELECT u.app, u.service, u.grade, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max, u.connections
FROM usage_weekly u
JOIN scope s ON s.week = u.week AND s.about = u.department
WHERE u.app <> 'all'
ORDER BY COALESCE(u.bytes_up, -1) DESC, u.app
