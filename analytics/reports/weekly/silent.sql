-- One row per known sensor that reported no minute in the week.
WITH heard AS (
    SELECT DISTINCT e.sensor
    FROM eyes e
    JOIN scope s ON s.week = e.week
)
SELECT n.sensor, n.site, n.kind
FROM sensors n
LEFT JOIN heard h ON h.sensor = n.sensor
WHERE h.sensor IS NULL
ORDER BY n.sensor
