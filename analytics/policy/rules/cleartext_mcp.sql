-- MCP over cleartext HTTP: anyone on the path can read and replay tool calls, arguments and session ids.
SELECT app, 'all' AS scope, MIN(day) AS day, SUM(cleartext_connections) AS sessions,
       SUM(cleartext_connections) AS measure,
       SUM(cleartext_connections) || ' connections in readable HTTP by ' || COUNT(DISTINCT subject) || ' clients, version '
         || COALESCE(MAX(NULLIF(mcp_version, 'session')), 'not said') AS because,
       server, server_port
FROM servers
WHERE weeks_ago = 0 AND mcp
GROUP BY app, server, server_port
HAVING SUM(cleartext_connections) > 0
