-- One row per site watched in the week: how many people its settings say stand behind its sensors. Of a site of which
-- only lookups are recorded nobody can be seen to use anything.
WITH sites AS (
    SELECT e.site, BOOL_OR(b.connections) AS connects
    FROM coverage_weekly e
    JOIN scope s ON s.week = e.week
    LEFT JOIN source_bytes b ON b.sensor = e.sensor AND b.source = e.source
    GROUP BY e.site
)
SELECT n.site, MAX(n.population) AS population
FROM sensors n
JOIN sites w ON w.site = n.site AND COALESCE(w.connects, TRUE)
GROUP BY n.site
ORDER BY n.site
