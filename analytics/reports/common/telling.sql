-- One row per week of the report: whether its sources could show use, on half of its days at least.
WITH used AS (
    SELECT week FROM usage_weekly WHERE department = 'all' AND app = 'all' AND grade >= 3
),
able AS (
    SELECT n.week, COUNT(DISTINCT c.day) AS days
    FROM names_weekly n
    JOIN coverage_daily c ON c.sensor = n.sensor AND c.source = n.source AND DATE_TRUNC('week', c.day) = n.week
    WHERE n.host IS NULL AND n.connects AND n.bytes_known AND c.minutes_seen > 0
    GROUP BY n.week
)
SELECT n.week, COALESCE(u.week IS NOT NULL OR a.days >= 0.5 * LEAST(7, s.until - n.week + 1), FALSE) AS told
FROM (SELECT DISTINCT week FROM names_weekly WHERE host IS NULL) n
JOIN scope s ON n.week BETWEEN LEAST(s.oldest, CAST(DATE_TRUNC('week', s.first_day) AS DATE)) AND s.week
LEFT JOIN able a ON a.week = n.week
LEFT JOIN used u ON u.week = n.week
ORDER BY n.week
