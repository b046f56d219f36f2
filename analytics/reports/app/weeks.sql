-- One row per week of the last twelve with use or refused attempts.
WITH used AS (
    SELECT u.* FROM usage_weekly u
    JOIN scope s ON s.about = u.app AND u.week BETWEEN s.oldest AND s.week
    WHERE u.department = 'all'
),
refused AS (
    SELECT b.week, b.attempts FROM blocked_weekly b
    JOIN scope s ON s.about = b.app AND b.week BETWEEN s.oldest AND s.week
)
SELECT COALESCE(u.week, r.week) AS week, u.grade, u.people, u.people_hidden,
       u.people_any_grade AS seen_at_any_grade, u.bytes_up, u.bytes_up_max, u.bytes_down, u.connections,
       CASE WHEN r.week IS NULL THEN 0 ELSE r.attempts END AS attempts
FROM used u
FULL OUTER JOIN refused r ON r.week = u.week
ORDER BY 1
