-- The first status line of the policy about a service that holds for everyone, as judging finds it for a person
-- whom no narrower line is about.
WITH services AS (
  SELECT app FROM stored.catalog
  UNION
  SELECT app FROM stored.usage_weekly WHERE app <> 'all'
),
lines AS (
  SELECT v.app, p.kind, p.status, p.line, p.owner, p.review, p.scope = 'all' AND p.access IS NULL AS for_all,
         ROW_NUMBER() OVER (
           PARTITION BY v.app, p.kind, p.scope = 'all' AND p.access IS NULL
           ORDER BY p.precedence DESC, p.line, p.app, p.vendor, p.category, p.country, p.risk_at_least
         ) AS nth
  FROM services AS v
  LEFT JOIN stored.catalog AS k ON k.app = v.app
  JOIN stored.policy AS p
    ON p.kind IN ('status', 'never')
   AND (p.app IS NULL OR p.app = v.app) AND (p.vendor IS NULL OR p.vendor = k.vendor)
   AND (p.category IS NULL OR p.category = k.category) AND (p.country IS NULL OR p.country = k.country)
   AND (p.risk_at_least IS NULL OR k.risk_low >= p.risk_at_least)
),
narrower AS (SELECT DISTINCT app FROM lines WHERE NOT for_all),
answering AS (SELECT MAX(owner) AS owner FROM stored.policy WHERE kind = 'owner')
SELECT v.app, COALESCE(k.service, v.app) AS service, k.vendor, k.category, COALESCE(s.status, 'unreviewed') AS status,
       n.app IS NOT NULL AS never, x.app IS NOT NULL AS varies, COALESCE(s.line, n.line) AS line,
       COALESCE(s.owner, n.owner, a.owner) AS owner, COALESCE(s.review, n.review) AS review
FROM services AS v
CROSS JOIN answering AS a
LEFT JOIN stored.catalog AS k ON k.app = v.app
LEFT JOIN lines AS s ON s.app = v.app AND s.kind = 'status' AND s.for_all AND s.nth = 1
LEFT JOIN lines AS n ON n.app = v.app AND n.kind = 'never' AND n.for_all AND n.nth = 1
LEFT JOIN narrower AS x ON x.app = v.app
ORDER BY v.app
