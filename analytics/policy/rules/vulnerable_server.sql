-- An internal server that reports a version with a known vulnerability. Versions are compared part by part, as numbers.
WITH said AS (
  SELECT app, server, server_port, server_version, MIN(day) AS day, SUM(connections) AS sessions, COUNT(DISTINCT subject) AS measure,
         BOOL_OR(client_scope IN ('external', 'guest')) AS exposed
  FROM servers
  WHERE weeks_ago = 0 AND server_scope = 'internal' AND server_version IS NOT NULL
  GROUP BY app, server, server_port, server_version
),
known AS (
  SELECT app, STRING_SPLIT(UNNEST(STRING_SPLIT(affected, ',')), ' ') AS parts FROM catalog WHERE affected IS NOT NULL
),
hit AS (
  SELECT s.*, k.parts[1] AS advisory
  FROM said AS s
  JOIN known AS k ON k.app = s.app
  WHERE CAST(STRING_SPLIT(s.server_version, '.') AS BIGINT[]) >= CAST(STRING_SPLIT(k.parts[2], '.') AS BIGINT[])
    AND CAST(STRING_SPLIT(s.server_version, '.') AS BIGINT[]) < CAST(STRING_SPLIT(k.parts[3], '.') AS BIGINT[])
)
SELECT app, 'all' AS scope, MIN(day) AS day, MAX(sessions) AS sessions, COUNT(DISTINCT advisory) AS measure,
       'says it is version ' || server_version || ': ' || STRING_AGG(DISTINCT advisory, ', ' ORDER BY advisory)
         || CASE WHEN BOOL_OR(exposed) THEN '; clients from outside reach it' ELSE '' END AS because,
       server, server_port
FROM hit
GROUP BY app, server, server_port, server_version
