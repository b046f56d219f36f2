-- What was refused, and what went to hosts that also serve other things. Counted once, never as use.
SELECT f.counted_day, c.hour, f.subject, f.subject_kind, f.app, f.outcome,
       CAST(SUM(CASE WHEN c.kept THEN c.connections ELSE 0 END) AS BIGINT) AS connections,
       CAST(SUM(CASE WHEN c.kept THEN c.lookups ELSE 0 END) AS BIGINT) AS lookups
FROM counted AS c
JOIN facets AS f ON f.facet = c.facet
WHERE f.outcome <> 'use'
GROUP BY f.counted_day, c.hour, f.subject, f.subject_kind, f.app, f.outcome
ORDER BY f.counted_day, c.hour, f.subject, f.app, f.outcome, f.subject_kind
