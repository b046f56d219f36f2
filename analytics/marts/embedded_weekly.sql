-- Shared hosts: use of embedded AI is possible, but never counted as use.
SELECT CAST('$week' AS DATE) AS week, app,
       CAST(CASE WHEN COUNT(DISTINCT subject) >= $k THEN SUM(connections) END AS BIGINT) AS connections
FROM not_use
WHERE outcome = 'embedded'
GROUP BY app
ORDER BY app
