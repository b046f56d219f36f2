-- What a control refused: attempts, never use. A refused lookup is an attempt, too. People and shared addresses are added
-- if they are k or more, so that no part of the sum is about a smaller group.
WITH kinds AS (
  SELECT app, kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k AS told, SUM(connections + lookups) AS attempts
  FROM not_use
  WHERE outcome = 'blocked'
  GROUP BY app, kind
)
SELECT CAST('$week' AS DATE) AS week, app, CAST(SUM(CASE WHEN told THEN attempts END) AS BIGINT) AS attempts
FROM kinds
GROUP BY app
ORDER BY app
