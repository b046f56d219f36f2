-- One row per department that used it in the week, small groups already hidden.
SELECT u.department, u.grade, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max
FROM usage_weekly u
JOIN scope s ON s.week = u.week AND s.about = u.app
WHERE u.department <> 'all'
ORDER BY COALESCE(u.people, -1) DESC, u.department
