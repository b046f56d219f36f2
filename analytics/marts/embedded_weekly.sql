-- Shared hosts: use of embedded AI is possible, but never counted as use. Added up as in blocked_weekly.
WITH kinds AS (
  SELECT app, kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k AS told, SUM(connections) AS connections
  FROM not_use
  WHERE outcome = 'embedded'
  GROUP BY app, kind
)
SELECT CAST('$week' AS DATE) AS week, app, CAST(SUM(CASE WHEN told THEN connections END) AS BIGINT) AS connections
FROM kinds
GROUP BY app
ORDER BY app
