-- AI software inside that answers whoever asks: requests without a credential got a 2xx answer. What only hands
-- out models is meant for everybody. Pages to
-- log in at and states of health do not count (marts/days.py). Of TLS nothing is known, so nothing is said.
SELECT app, 'all' AS scope, MIN(day) AS day, SUM(unauthenticated_connections) AS sessions,
       SUM(unauthenticated_connections) AS measure,
       SUM(unauthenticated_connections) || ' of ' || SUM(connections) || ' connections answered without a credential, '
         || SUM(credential_connections) || ' with one, ' || SUM(refused_connections) || ' refused' AS because,
       server, server_port
FROM servers
WHERE weeks_ago = 0 AND app LIKE 'behaviours/%' AND server_scope = 'internal' AND access <> 'download'
GROUP BY app, server, server_port
HAVING SUM(unauthenticated_connections) > 0
