-- An AI key sent in cleartext. Its kind and a keyed fingerprint are stored, the key itself is not.
SELECT app, 'all' AS scope, subject, MIN(day) AS day, SUM(connections) AS sessions,
       COUNT(DISTINCT key_print) AS measure,
       key_type || ' in ' || SUM(connections) || ' connections, ' || SUM(refused_connections) || ' refused' AS because,
       server, server_port
FROM servers
WHERE weeks_ago = 0 AND key_type IS NOT NULL
GROUP BY app, subject, key_type, server, server_port
