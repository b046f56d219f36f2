-- An MCP server that no vendor in the catalog runs and no status statement of the policy matches.
WITH decided AS (
  SELECT app, access, category FROM policy WHERE kind = 'status' AND (app IS NOT NULL OR access IS NOT NULL OR category IS NOT NULL)
)
SELECT s.app, 'all' AS scope, MIN(s.day) AS day, SUM(s.connections) AS sessions, COUNT(DISTINCT s.subject) AS measure,
       COUNT(DISTINCT s.subject) || ' clients, ' || SUM(s.connections) || ' connections to a server ' || MIN(s.server_scope)
         || '; version ' || COALESCE(MAX(NULLIF(s.mcp_version, 'session')), 'not said') AS because,
       s.server, s.server_port
FROM servers AS s
LEFT JOIN catalog AS c ON c.app = s.app
WHERE s.weeks_ago = 0 AND s.mcp AND s.app LIKE 'behaviours/%'
  AND NOT EXISTS (
    SELECT 1 FROM decided AS d
    WHERE (d.app IS NULL OR d.app = s.app) AND (d.access IS NULL OR d.access = s.access)
      AND (d.category IS NULL OR d.category = c.category)
  )
GROUP BY s.app, s.server, s.server_port
