-- AI software at an internal address and port where it was not seen in the weeks before.
SELECT s.app, 'all' AS scope, MIN(s.day) AS day, SUM(s.connections) AS sessions, COUNT(DISTINCT s.subject) AS measure,
       'first seen on ' || MIN(s.day) || ', in none of ' || (SELECT COUNT(*) FROM comparable_weeks) || ' weeks before; '
         || COUNT(DISTINCT s.subject) || ' clients' AS because,
       s.server, s.server_port
FROM servers AS s
WHERE s.weeks_ago = 0 AND s.app LIKE 'behaviours/%' AND s.server_scope = 'internal' AND s.server IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM servers AS b
    WHERE b.weeks_ago > 0 AND b.app = s.app AND b.server = s.server AND b.server_port = s.server_port
  )
GROUP BY s.app, s.server, s.server_port
