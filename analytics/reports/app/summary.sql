-- One row: use of the service in the week.
SELECT u.service, u.grade, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max, u.connections
FROM usage_weekly u
JOIN scope s ON s.week = u.week AND s.about = u.app
WHERE u.department = 'all' AND u.grade >= 3
ORDER BY u.app
