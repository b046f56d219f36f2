-- Uploads that remain with a service: files, data sets and models in readable requests, and uploads to data labelling
-- services. From 1 MB a week.
WITH sent AS (
  SELECT app, subject, MIN(day) AS day, SUM(bytes_up) AS bytes_up, SUM(bytes_up) AS bytes_up_max, SUM(requests) AS sessions,
         'for ' || STRING_AGG(DISTINCT hands_over, ', ' ORDER BY hands_over) AS what, MIN(server) AS server, MIN(server_port) AS server_port
  FROM models
  WHERE weeks_ago = 0 AND hands_over IS NOT NULL AND server_scope IS DISTINCT FROM 'internal'
  GROUP BY app, subject
  UNION ALL
  SELECT u.app, u.subject, MIN(u.day), SUM(u.bytes_up), SUM(u.bytes_up_max), SUM(u.sessions), 'to a labelling service', NULL, NULL
  FROM used AS u
  JOIN catalog AS c ON c.app = u.app AND c.category = 'labelling'
  GROUP BY u.app, u.subject
)
SELECT app, 'all' AS scope, subject, day, bytes_up, bytes_up_max, sessions, bytes_up AS measure, 1000000 AS allowed,
       bytes_up || ' bytes ' || what AS because, server, server_port
FROM sent
WHERE bytes_up >= 1000000
