-- One row per service the department used in the week, small groups already hidden.
WITH lines AS (
    SELECT u.app, CASE WHEN p.kind = 'never' THEN 'unsanctioned' ELSE p.status END AS status,
           ROW_NUMBER() OVER (
             PARTITION BY u.app
             ORDER BY p.kind, p.precedence DESC, p.line, p.app, p.vendor, p.category, p.country, p.risk_at_least
           ) AS nth
    FROM usage_weekly u
    JOIN scope s ON s.week = u.week AND s.about = u.department
    LEFT JOIN catalog k ON k.app = u.app
    JOIN policy p
      ON p.kind IN ('status', 'never') AND p.access IS NULL AND p.segment IS NULL AND p.site IS NULL
     AND (p.department IS NULL OR p.department = s.about)
     AND (p.app IS NULL OR p.app = u.app) AND (p.vendor IS NULL OR p.vendor = k.vendor)
     AND (p.category IS NULL OR p.category = k.category) AND (p.country IS NULL OR p.country = k.country)
     AND (p.risk_at_least IS NULL OR k.risk_low >= p.risk_at_least)
)
SELECT u.app, u.service, COALESCE(l.status, 'unreviewed') AS status, u.grade, u.people, u.people_hidden, u.bytes_up,
       u.bytes_up_max, u.connections
FROM usage_weekly u
JOIN scope s ON s.week = u.week AND s.about = u.department
LEFT JOIN lines l ON l.app = u.app AND l.nth = 1
WHERE u.app <> 'all'
ORDER BY COALESCE(u.bytes_up, -1) DESC, u.app
