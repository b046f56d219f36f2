-- The weeks of the mart, and what a count of subjects counts in each: subjects are users, else devices, else addresses.
WITH ways AS (
  SELECT day,
         SUM(CASE WHEN tied_to IN ('person', 'device') THEN connections_percent ELSE 0 END) AS tied,
         SUM(CASE WHEN tied_to IN ('person', 'device', 'nobody', 'few') THEN connections_percent END) AS whole
  FROM stored.attribution_quality
  WHERE site = 'all'
  GROUP BY day
),
-- On every day: one day of addresses may be most of the addresses of a week.
machines AS (
  SELECT CAST(DATE_TRUNC('week', day) AS DATE) AS week, BOOL_AND(tied >= 0.9 * whole) AS by_device
  FROM ways
  WHERE whole > 0
  GROUP BY CAST(DATE_TRUNC('week', day) AS DATE)
)
SELECT a.week, a.connections, a.attributed_connections, a.bytes_up, a.bytes_up_max, a.attributed_bytes_up,
       a.attributed_bytes_up_max, a.exact,
       CASE WHEN a.connections = 0 OR a.attributed_connections IS NULL THEN NULL
            WHEN a.attributed_connections >= 0.9 * a.connections THEN 'people'
            WHEN NOT a.exact THEN NULL
            WHEN m.by_device THEN 'devices'
            ELSE 'addresses' END AS counted
FROM stored.attribution_weekly AS a
LEFT JOIN machines AS m ON m.week = a.week
ORDER BY a.week
