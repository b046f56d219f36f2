-- AI software at an internal address and port where it was not seen in the weeks before. Tokens change with the keys,
-- so only weeks in which some subject of this week is known are compared. Without such a week, nothing is new.
WITH comparable AS (
  SELECT DISTINCT weeks_ago
  FROM subject_weeks
  WHERE weeks_ago > 0 AND subject IN (SELECT subject FROM subject_weeks WHERE weeks_ago = 0)
)
SELECT s.app, 'all' AS scope, MIN(s.day) AS day, SUM(s.connections) AS sessions, COUNT(DISTINCT s.subject) AS measure,
       'first seen on ' || MIN(s.day) || ', in none of ' || (SELECT COUNT(*) FROM comparable) || ' weeks before; '
         || COUNT(DISTINCT s.subject) || ' clients' AS because,
       s.server, s.server_port
FROM servers AS s
WHERE s.weeks_ago = 0 AND s.app LIKE 'behaviours/%' AND s.server_scope = 'internal' AND s.server IS NOT NULL
  AND EXISTS (SELECT 1 FROM comparable)
  AND NOT EXISTS (
    SELECT 1 FROM servers AS b
    WHERE b.weeks_ago > 0 AND b.app = s.app AND b.server = s.server AND b.server_port = s.server_port
  )
GROUP BY s.app, s.server, s.server_port
