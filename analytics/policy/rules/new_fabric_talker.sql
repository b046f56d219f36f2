-- A host speaks the protocols of a cluster with a server for the first time, while others did so in the weeks before.
SELECT s.app, 'all' AS scope, s.subject, MIN(s.day) AS day, SUM(s.connections) AS sessions, SUM(s.connections) AS measure,
       'first spoke it with this server on ' || MIN(s.day) || '; others have for weeks' AS because,
       s.server, s.server_port
FROM fabric AS s
WHERE s.weeks_ago = 0
  AND EXISTS (SELECT 1 FROM servers AS b JOIN comparable_weeks AS w ON w.weeks_ago = b.weeks_ago
              WHERE b.app = s.app AND b.server = s.server AND b.server_port = s.server_port)
  AND NOT EXISTS (SELECT 1 FROM servers AS b WHERE b.weeks_ago > 0 AND b.app = s.app AND b.server = s.server AND b.subject = s.subject)
GROUP BY s.app, s.subject, s.server, s.server_port
