-- One row per week of the report and of the last twelve: how many connections and bytes are tied to a person.
WITH ways AS (
    SELECT day, SUM(connections_percent) FILTER (WHERE tied_to IN ('person', 'device')) AS known,
           SUM(connections_percent) FILTER (WHERE tied_to IN ('person', 'device', 'nobody', 'few')) AS whole
    FROM attribution_quality
    WHERE site = 'all'
    GROUP BY day
),
machines AS (
    SELECT CAST(DATE_TRUNC('week', day) AS DATE) AS week, BOOL_AND(COALESCE(known, 0) >= 0.9 * whole) AS by_device
    FROM ways
    WHERE whole > 0
    GROUP BY 1
)
SELECT a.week, a.connections, a.attributed_connections, a.bytes_up, a.attributed_bytes_up,
       COALESCE(m.by_device, false) AS by_device
FROM attribution_weekly a
JOIN scope s ON a.week BETWEEN LEAST(s.oldest, CAST(DATE_TRUNC('week', s.first_day) AS DATE)) AND s.week
LEFT JOIN machines m ON m.week = a.week
ORDER BY a.week
