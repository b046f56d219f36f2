-- One row per week of the report: whether its sources could show use.
WITH used AS (
    SELECT week FROM usage_weekly WHERE department = 'all' AND app = 'all' AND grade >= 3
)
SELECT n.week, BOOL_OR((n.connects AND n.bytes_known) OR u.week IS NOT NULL) AS told
FROM names_weekly n
JOIN scope s ON n.week BETWEEN LEAST(s.oldest, CAST(DATE_TRUNC('week', s.first_day) AS DATE)) AND s.week
LEFT JOIN used u ON u.week = n.week
WHERE n.host IS NULL
GROUP BY n.week
ORDER BY n.week
