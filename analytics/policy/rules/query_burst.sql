-- A model may be extracted by queries: one client-day at an internal server is ten times the largest other client-day
-- there, in connections (at least 1000) or in bytes received (at least 100 MB). Without a comparison, no finding.
WITH days AS (
  SELECT app, server, server_port, subject, day, MIN(weeks_ago) AS weeks_ago, SUM(connections) AS connections,
         COALESCE(SUM(bytes_down), 0) AS bytes_down
  FROM servers
  WHERE server_scope = 'internal' AND app LIKE 'behaviours/%'
  GROUP BY app, server, server_port, subject, day
),
usual AS (
  SELECT d.app, d.server, d.server_port, d.subject, d.day, d.connections, d.bytes_down,
         MAX(o.connections) AS most_connections, MAX(o.bytes_down) AS most_bytes
  FROM days AS d
  JOIN days AS o ON o.app = d.app AND o.server = d.server AND o.server_port = d.server_port
   AND (o.subject <> d.subject OR o.day < d.day)
  WHERE d.weeks_ago = 0
  GROUP BY d.app, d.server, d.server_port, d.subject, d.day, d.connections, d.bytes_down
)
SELECT u.app, 'all' AS scope, u.subject, u.day, u.connections AS sessions, u.connections AS measure,
       u.most_connections AS expected,
       u.connections || ' connections and ' || u.bytes_down || ' bytes back that day; the most otherwise seen there are '
         || u.most_connections || ' and ' || u.most_bytes AS because,
       u.server, u.server_port
FROM usual AS u
LEFT JOIN catalog AS c ON c.app = u.app
WHERE COALESCE(c.category, '') <> 'gpu-cluster'
  AND ((u.connections >= 1000 AND u.connections >= 10 * u.most_connections)
    OR (u.bytes_down >= 100000000 AND u.bytes_down >= 10 * u.most_bytes))
