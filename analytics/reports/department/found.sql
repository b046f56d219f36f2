-- One row per finding whose scope names the department, alone or with a site or segment.
SELECT f.service, f.title, f.scope, f.severity, f.status, f.finding
FROM findings f
JOIN scope s ON POSITION(', department=' || s.about || ',' IN ', ' || f.scope || ',') > 0 AND f.first_seen <= s.week
ORDER BY f.severity_rank DESC, f.finding
