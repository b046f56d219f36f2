-- One row: use by the department in the week.
SELECT u.department, u.grade, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max,
       (SELECT CAST(COUNT(*) AS BIGINT) FROM usage_weekly a
        WHERE a.week = u.week AND a.department = u.department AND a.app <> 'all' AND a.grade >= 3) AS services
FROM usage_weekly u
JOIN scope s ON s.week = u.week AND s.about = u.department
WHERE u.app = 'all'
ORDER BY u.department
