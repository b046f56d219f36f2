-- Internal AI software without authentication: requests without credentials got a 2xx response. Servers that only
-- distribute models are meant for everybody. Login pages and health checks do not count (counting/days.py). Requests
-- inside TLS cannot be read, so they cause no finding.
SELECT app, 'all' AS scope, MIN(day) AS day, SUM(unauthenticated_connections) AS sessions,
       SUM(unauthenticated_connections) AS measure,
       SUM(unauthenticated_connections) || ' of ' || SUM(connections) || ' connections answered without a credential, '
         || SUM(credential_connections) || ' with one, ' || SUM(refused_connections) || ' refused' AS because,
       server, server_port
FROM servers
WHERE weeks_ago = 0 AND app LIKE 'behaviours/%' AND server_scope = 'internal' AND access <> 'download'
GROUP BY app, server, server_port
HAVING SUM(unauthenticated_connections) > 0
