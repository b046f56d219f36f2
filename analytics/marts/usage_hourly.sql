-- What each subject used in each hour; what two eyes saw is counted once.
WITH sums AS (
  SELECT c.hour, f.cell, f.service, c.grade, MIN(f.confidence) AS confidence,
         SUM(CASE WHEN c.kept THEN c.bytes_up END) AS bytes_up,
         SUM(c.bytes_up) AS bytes_up_max,
         SUM(CASE WHEN c.kept THEN c.bytes_down END) AS bytes_down,
         SUM(CASE WHEN c.kept THEN c.connections ELSE 0 END) AS connections,
         SUM(CASE WHEN c.kept THEN c.requests ELSE 0 END) AS requests,
         SUM(CASE WHEN c.kept THEN c.lookups ELSE 0 END) AS lookups
  FROM counted AS c
  JOIN facets AS f ON f.facet = c.facet
  WHERE f.outcome = 'use'
  GROUP BY c.hour, f.cell, f.service, c.grade
)
SELECT s.hour, l.subject, l.subject_kind, l.user_name, l.department, l.site, l.segment, l.app, l.access, l.client_class,
       CAST(s.grade AS SMALLINT) AS grade,
       CAST(s.bytes_up AS BIGINT) AS bytes_up, CAST(s.bytes_up_max AS BIGINT) AS bytes_up_max,
       CAST(s.bytes_down AS BIGINT) AS bytes_down, CAST(s.connections AS BIGINT) AS connections,
       CAST(s.requests AS BIGINT) AS requests, CAST(s.lookups AS BIGINT) AS lookups,
       e.corroborations, l.attributed_by, s.confidence
FROM sums AS s
JOIN cells AS l ON l.cell = s.cell
JOIN eyes AS e ON e.hour = s.hour AND e.service = s.service
ORDER BY s.hour, s.cell, s.grade
