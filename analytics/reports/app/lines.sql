-- One row per status line of the policy that matches the service, the one that decides first.
SELECT p.status, p.scope, p.line, p.owner, p.review
FROM policy p
CROSS JOIN scope s
LEFT JOIN catalog k ON k.app = s.about
WHERE p.kind = 'status'
  AND (p.app IS NULL OR p.app = s.about) AND (p.vendor IS NULL OR p.vendor = k.vendor)
  AND (p.category IS NULL OR p.category = k.category) AND (p.country IS NULL OR p.country = k.country)
  AND (p.risk_at_least IS NULL OR k.risk_low >= p.risk_at_least)
ORDER BY p.precedence DESC, p.line, p.scope
