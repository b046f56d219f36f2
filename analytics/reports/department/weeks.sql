-- One row per week of the last twelve.
SELECT u.week, u.grade, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max, u.bytes_down
FROM usage_weekly u
JOIN scope s ON s.about = u.department AND u.week BETWEEN s.oldest AND s.week
WHERE u.app = 'all'
ORDER BY u.week
