-- One row per line of the policy that says whether the service may be used, the one that decides first.
SELECT CASE WHEN p.kind = 'never' THEN 'must never be used' ELSE p.status END AS status,
       p.scope, p.line, p.owner, p.review
FROM policy p
CROSS JOIN scope s
LEFT JOIN catalog k ON k.app = s.about
WHERE p.kind IN ('status', 'never')
  AND (p.app IS NULL OR p.app = s.about) AND (p.vendor IS NULL OR p.vendor = k.vendor)
  AND (p.category IS NULL OR p.category = k.category) AND (p.country IS NULL OR p.country = k.country)
  AND (p.risk_at_least IS NULL OR k.risk_low >= p.risk_at_least)
ORDER BY p.kind, p.precedence DESC, p.line, p.scope
