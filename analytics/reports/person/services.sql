-- One row per service used in the week.
SELECT u.app, COALESCE(MAX(c.service), u.app) AS service, MAX(u.grade) AS grade, CAST(SUM(u.bytes_up) AS BIGINT) AS bytes_up,
       CAST(SUM(u.bytes_down) AS BIGINT) AS bytes_down, CAST(SUM(u.connections) AS BIGINT) AS connections,
       CAST(COUNT(DISTINCT u.hour) AS BIGINT) AS hours, MIN(u.hour) AS first_at, MAX(u.hour) AS last_at
FROM usage_hourly u
JOIN scope s ON s.about = u.subject AND u.hour >= s.starts_at AND u.hour < s.ends_at
LEFT JOIN catalog c ON c.app = u.app
WHERE u.grade >= 3
GROUP BY u.app
ORDER BY COALESCE(SUM(u.bytes_up), -1) DESC, u.app
