-- One row per finding about the service.
SELECT f.title, f.scope, f.severity, f.status, f.first_seen AS first_week, f.last_seen AS last_week, f.finding
FROM findings f
JOIN scope s ON s.about = f.app AND f.first_seen <= s.week
ORDER BY f.severity_rank DESC, f.first_seen, f.finding
