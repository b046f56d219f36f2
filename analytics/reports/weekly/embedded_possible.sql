-- One row per service whose hosts also serve other things: AI is possible there, and never counted.
SELECT e.app, e.service, CAST(SUM(e.connections) AS BIGINT) AS connections
FROM embedded e
JOIN scope s ON s.week = e.week
GROUP BY e.app, e.service
ORDER BY COALESCE(SUM(e.connections), 0) DESC, e.app, e.service
