-- MCP in readable HTTP: tool calls, their arguments and session ids can be read and replayed on the way.
SELECT app, 'all' AS scope, MIN(day) AS day, SUM(cleartext_connections) AS sessions,
       SUM(cleartext_connections) AS measure,
       SUM(cleartext_connections) || ' connections in readable HTTP by ' || COUNT(DISTINCT subject) || ' clients, version '
         || COALESCE(MAX(mcp_version), 'not said') AS because,
       server, server_port
FROM servers
WHERE weeks_ago = 0 AND mcp
GROUP BY app, server, server_port
HAVING SUM(cleartext_connections) > 0
