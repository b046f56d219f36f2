-- Cluster traffic without TLS between hosts that are not in one declared segment. Anyone on the path reads gradients,
-- data and pickled functions, and can join the cluster. Inside one declared segment this is the normal design.
SELECT s.app, 'all' AS scope, MIN(s.day) AS day, SUM(s.cleartext_connections) AS sessions, COUNT(DISTINCT s.subject) AS measure,
       SUM(s.cleartext_connections) || ' connections without TLS by ' || COUNT(DISTINCT s.subject)
         || ' hosts; no segment of the settings holds the server' AS because,
       s.server, s.server_port
FROM fabric AS s
WHERE s.weeks_ago = 0 AND s.server_segment IS NULL AND s.server_scope = 'internal'
GROUP BY s.app, s.server, s.server_port
HAVING SUM(s.cleartext_connections) > 0
