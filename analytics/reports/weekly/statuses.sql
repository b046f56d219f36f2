-- One row per service seen this week or last: what the policy says of it for everyone.
WITH lines AS (
    SELECT v.app, p.status, p.line, p.owner, p.scope = 'all' AND p.access IS NULL AS for_all,
           ROW_NUMBER() OVER (
             PARTITION BY v.app, p.scope = 'all' AND p.access IS NULL
             ORDER BY p.precedence DESC, p.line, p.app, p.vendor, p.category, p.country, p.risk_at_least
           ) AS nth
    FROM services v
    LEFT JOIN catalog k ON k.app = v.app
    JOIN policy p
      ON p.kind = 'status'
     AND (p.app IS NULL OR p.app = v.app) AND (p.vendor IS NULL OR p.vendor = k.vendor)
     AND (p.category IS NULL OR p.category = k.category) AND (p.country IS NULL OR p.country = k.country)
     AND (p.risk_at_least IS NULL OR k.risk_low >= p.risk_at_least)
),
narrower AS (SELECT DISTINCT app FROM lines WHERE NOT for_all)
SELECT v.app, COALESCE(l.status, 'unreviewed') AS status, l.line, COALESCE(l.owner, o.owner) AS owner,
       n.app IS NOT NULL AS varies
FROM services v
CROSS JOIN (SELECT MAX(owner) AS owner FROM policy WHERE kind = 'owner') o
LEFT JOIN lines l ON l.app = v.app AND l.for_all AND l.nth = 1
LEFT JOIN narrower n ON n.app = v.app
ORDER BY v.app
