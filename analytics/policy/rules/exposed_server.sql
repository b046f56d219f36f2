-- Internal AI software that answered clients from outside or from the guest network without refusing them.
SELECT app, 'all' AS scope, MIN(day) AS day, SUM(connections) AS sessions, COUNT(DISTINCT subject) AS measure,
       COUNT(DISTINCT subject) || ' clients from outside or the guest network, ' || SUM(connections) || ' connections, '
         || SUM(refused_connections) || ' refused, ' || SUM(unauthenticated_connections)
         || ' answered without any credential' AS because,
       server, server_port
FROM servers
WHERE weeks_ago = 0 AND app LIKE 'behaviours/%' AND server_scope = 'internal' AND client_scope IN ('external', 'guest')
GROUP BY app, server, server_port
HAVING SUM(connections) > SUM(refused_connections)
