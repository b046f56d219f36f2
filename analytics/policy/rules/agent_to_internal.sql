-- The programs of a subject use an external AI service and speak MCP or A2A to an internal server. A prompt injected
-- from outside can make the agent act inside.
WITH agents AS (
  SELECT subject, COUNT(DISTINCT app) AS services FROM used WHERE program AND app NOT LIKE 'behaviours/%' GROUP BY subject
)
SELECT s.app, 'all' AS scope, s.subject, MIN(s.day) AS day, SUM(s.connections) AS sessions,
       SUM(s.connections) AS measure,
       SUM(s.connections) || ' connections to it; programs used ' || MAX(a.services) || ' AI services the same week' AS because,
       s.server, s.server_port
FROM servers AS s
JOIN agents AS a ON a.subject = s.subject
WHERE s.weeks_ago = 0 AND s.server_scope = 'internal' AND (s.mcp OR s.access = 'agent')
GROUP BY s.app, s.subject, s.server, s.server_port
