-- One row per known sensor that reported no minute in the week.
WITH heard AS (
    SELECT DISTINCT e.sensor
    FROM coverage_weekly e
    JOIN scope s ON s.week = e.week
),
first AS (
    SELECT c.sensor, MIN(c.day) AS since
    FROM coverage_daily c
    GROUP BY c.sensor
)
SELECT n.sensor, n.site, n.kind, f.since
FROM sensors n
LEFT JOIN heard h ON h.sensor = n.sensor
LEFT JOIN first f ON f.sensor = n.sensor
WHERE h.sensor IS NULL
ORDER BY n.sensor
