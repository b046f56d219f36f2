-- What a control refused: attempts, never use. A refused lookup is an attempt, too.
SELECT CAST('$week' AS DATE) AS week, app,
       CAST(CASE WHEN COUNT(DISTINCT subject) >= $k THEN SUM(connections + lookups) END AS BIGINT) AS attempts
FROM not_use
WHERE outcome = 'blocked'
GROUP BY app
ORDER BY app
