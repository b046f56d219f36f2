-- One row per department and service of the week, small groups already hidden; app 'all' is the total.
SELECT u.department, u.app, u.service, u.grade, u.evidence, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max,
       u.bytes_down
FROM usage_weekly u
JOIN scope s ON s.week = u.week
WHERE u.department <> 'all'
ORDER BY u.department, u.app
