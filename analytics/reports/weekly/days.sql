-- One row per day and service of the last four weeks.
SELECT d.day, d.app, d.service, d.grade, d.people, d.people_hidden, d.bytes_up, d.bytes_up_max, d.connections
FROM usage_daily d
CROSS JOIN scope s
WHERE d.day BETWEEN s.four_weeks AND s.sunday AND d.app <> 'all'
ORDER BY d.day, d.app
