-- One row per service seen this week or last: what the policy says of it for everyone, and whether some may use it by a
-- narrower line or by an exception that held in the week.
WITH allowing AS (
    SELECT app, vendor, category, country, risk_at_least
    FROM policy
    WHERE kind = 'status' AND status IN ('sanctioned', 'tolerated') AND (scope <> 'all' OR access IS NOT NULL)
    UNION
    SELECT e.app, e.vendor, e.category, e.country, e.risk_at_least
    FROM exceptions e
    JOIN scope s ON e.expires >= s.week
),
allowed AS (
    SELECT DISTINCT v.app
    FROM services v
    LEFT JOIN catalog k ON k.app = v.app
    JOIN allowing a
      ON (a.app IS NULL OR a.app = v.app) AND (a.vendor IS NULL OR a.vendor = k.vendor)
     AND (a.category IS NULL OR a.category = k.category) AND (a.country IS NULL OR a.country = k.country)
     AND (a.risk_at_least IS NULL OR k.risk_low >= a.risk_at_least)
)
SELECT v.app, CASE WHEN s.never THEN 'unsanctioned' ELSE s.status END AS status, s.line, s.owner, s.varies,
       a.app IS NOT NULL AND NOT s.never AS allowed_for_some
FROM services v
JOIN service_status s ON s.app = v.app
LEFT JOIN allowed a ON a.app = v.app
ORDER BY v.app
