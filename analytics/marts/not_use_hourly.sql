-- What was refused, and what went to hosts that also serve other things. Counted once, never as use.
SELECT hour, subject, subject_kind, app, outcome,
       CAST(SUM(CASE WHEN kept THEN connections ELSE 0 END) AS BIGINT) AS connections,
       CAST(SUM(CASE WHEN kept THEN lookups ELSE 0 END) AS BIGINT) AS lookups
FROM counted
WHERE outcome <> 'use'
GROUP BY hour, subject, subject_kind, app, outcome
ORDER BY hour, subject, app, outcome, subject_kind
