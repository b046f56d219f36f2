-- One row where the service shares hosts with other things, which were in use this week.
SELECT e.app, CAST(SUM(e.connections) AS BIGINT) AS connections
FROM embedded e
JOIN scope s ON s.week = e.week AND s.about = e.app
GROUP BY e.app
ORDER BY e.app
