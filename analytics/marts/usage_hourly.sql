-- What each subject used in each hour; what two eyes saw is counted once.
SELECT c.hour, c.subject, c.subject_kind, c.user_name, c.department, c.site, c.segment, c.app, c.access, c.client_class,
       CAST(c.grade AS SMALLINT) AS grade,
       CAST(SUM(CASE WHEN c.kept THEN c.bytes_up END) AS BIGINT) AS bytes_up,
       CAST(SUM(c.bytes_up) AS BIGINT) AS bytes_up_max,
       CAST(SUM(CASE WHEN c.kept THEN c.bytes_down END) AS BIGINT) AS bytes_down,
       CAST(SUM(CASE WHEN c.kept THEN c.connections ELSE 0 END) AS BIGINT) AS connections,
       CAST(SUM(CASE WHEN c.kept THEN c.requests ELSE 0 END) AS BIGINT) AS requests,
       CAST(SUM(CASE WHEN c.kept THEN c.lookups ELSE 0 END) AS BIGINT) AS lookups,
       MAX(e.corroborations) AS corroborations,
       c.attributed_by, MIN(c.confidence) AS confidence
FROM counted AS c
JOIN eyes AS e ON e.hour = c.hour AND e.subject = c.subject AND e.app = c.app
WHERE c.outcome = 'use'
GROUP BY c.hour, c.subject, c.subject_kind, c.user_name, c.department, c.site, c.segment, c.app, c.access,
         c.client_class, c.grade, c.attributed_by
ORDER BY c.hour, c.subject, c.app, c.access, c.grade, c.site, c.department, c.subject_kind, c.segment,
         c.client_class, c.attributed_by
