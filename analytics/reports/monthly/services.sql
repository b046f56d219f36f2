-- One row per service of the period.
WITH first_weeks AS (SELECT app, first_week FROM first_seen WHERE site = 'all')
SELECT u.app, MAX(u.service) AS service, MAX(u.category) AS category, MAX(u.grade) AS grade,
       MAX(u.people) AS people_most, CAST(SUM(u.bytes_up) AS BIGINT) AS bytes_up,
       CAST(SUM(u.bytes_up_max) AS BIGINT) AS bytes_up_max,
       CAST(COUNT(*) AS BIGINT) AS weeks, CAST(SUM(CASE WHEN u.bytes_up IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS weeks_hidden,
       MIN(f.first_week) AS first_week
FROM usage_weekly u
CROSS JOIN scope s
LEFT JOIN first_weeks f ON f.app = u.app
WHERE u.department = 'all' AND u.app <> 'all' AND u.grade >= 3 AND u.week BETWEEN s.first_day AND s.last_day
GROUP BY u.app
ORDER BY COALESCE(SUM(u.bytes_up), -1) DESC, u.app
