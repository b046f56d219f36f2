-- Protocols of a cluster, or its job and code interfaces, accessed from another segment than that of the server.
SELECT s.app, 'all' AS scope, s.subject, MIN(s.day) AS day, SUM(s.connections) AS sessions, SUM(s.connections) AS measure,
       SUM(s.connections) || ' connections from ' || COALESCE(s.segment, 'no segment') || ' into ' || s.server_segment AS because,
       s.server, s.server_port
FROM fabric AS s
WHERE s.weeks_ago = 0 AND s.server_segment IS NOT NULL AND s.segment IS DISTINCT FROM s.server_segment
GROUP BY s.app, s.subject, s.segment, s.server_segment, s.server, s.server_port
