-- One row per exception, and per line of the policy to be reviewed: until when.
WITH dated AS (
    SELECT 'exception' AS kind, exception AS id, app, vendor, category, access, country, risk_at_least, scope,
           for_people, owner, expires AS ends
    FROM exceptions
    UNION ALL
    SELECT DISTINCT 'review', 'line ' || CAST(line AS VARCHAR), app, vendor, category, access, country, risk_at_least,
           scope, FALSE, owner, review
    FROM policy
    WHERE review IS NOT NULL
)
SELECT d.kind, d.id, COALESCE(k.service, d.app, d.vendor) AS about, d.category,
       d.access IS NULL AND d.country IS NULL AND d.risk_at_least IS NULL AS is_whole,
       d.scope, d.for_people, d.owner, d.ends, CAST(d.ends - s.sunday AS BIGINT) AS days_left
FROM dated d
CROSS JOIN scope s
LEFT JOIN catalog k ON k.app = d.app
ORDER BY d.ends, d.kind, d.id, d.scope, 3, d.category, d.access, d.country, d.risk_at_least
