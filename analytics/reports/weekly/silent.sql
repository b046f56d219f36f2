-- One row per known sensor that reported no minute in the week. One last heard before the twelve weeks was removed; one
-- never heard at its site, but at another, runs there; one first heard at another afterwards was moved there.
WITH heard AS (
    SELECT DISTINCT e.sensor, e.site
    FROM coverage_weekly e
    JOIN scope s ON s.week = e.week
),
first AS (
    SELECT c.sensor, c.site, MIN(c.day) AS since, MAX(c.day) AS until
    FROM coverage_daily c
    GROUP BY c.sensor, c.site
)
SELECT n.sensor, n.site, n.kind, f.since
FROM sensors n
LEFT JOIN heard h ON h.sensor = n.sensor AND h.site = n.site
LEFT JOIN first f ON f.sensor = n.sensor AND f.site = n.site
WHERE h.sensor IS NULL
  AND (f.until >= (SELECT s.oldest FROM scope s) OR n.sensor NOT IN (SELECT c.sensor FROM coverage_daily c))
  AND NOT EXISTS (SELECT 1 FROM first o WHERE o.sensor = f.sensor AND o.site <> f.site AND o.since > f.until)
ORDER BY n.sensor, n.site
