-- A client probes an AI server: at least 20 connections in a day of which half are answered with 4xx, or paths of three
-- products requested from one server and port. A monitor repeats the same request and is answered. A path that is not
-- there (404) tells of no AI server, and is not in `servers` (sensor/match/grade.py).
WITH days AS (
  SELECT day, subject, server, server_port, COUNT(DISTINCT app) AS products, SUM(paths) AS paths,
         SUM(failed_connections) AS failed, SUM(connections) AS connections
  FROM servers
  WHERE weeks_ago = 0 AND app LIKE 'behaviours/%'
  GROUP BY day, subject, server, server_port
),
tried AS (
  SELECT * FROM days WHERE (connections >= 20 AND 2 * failed >= connections) OR (products >= 3 AND failed >= 3)
)
SELECT s.app, 'all' AS scope, t.subject, t.day, SUM(s.connections) AS sessions, MAX(t.failed) AS measure, 20 AS allowed,
       MAX(t.failed) || ' of ' || MAX(t.connections) || ' connections that day answered with 4xx; ' || MAX(t.paths)
         || ' paths of ' || MAX(t.products) || ' products asked for' AS because,
       t.server, t.server_port
FROM tried AS t
JOIN servers AS s ON s.weeks_ago = 0 AND s.day = t.day AND s.subject = t.subject AND s.server = t.server AND s.server_port = t.server_port
GROUP BY s.app, t.subject, t.day, t.server, t.server_port
