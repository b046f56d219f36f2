-- Models requested by a mutable name: a branch, `latest`. Only where the request could be read.
SELECT app, 'all' AS scope, subject, MIN(day) AS day, SUM(requests) AS sessions, COUNT(DISTINCT repository) AS measure,
       COUNT(DISTINCT repository) || ' repositories by ' || STRING_AGG(DISTINCT revision, ', ' ORDER BY revision) || ': '
         || STRING_AGG(DISTINCT repository, ', ' ORDER BY repository) AS because,
       server, server_port
FROM models
WHERE weeks_ago = 0 AND hands_over IS NULL AND repository IS NOT NULL AND model_format IS NOT NULL
  AND revision IN ('main', 'master', 'latest', 'other')
GROUP BY app, subject, server, server_port
