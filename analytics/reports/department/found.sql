-- One row per finding whose scope names the department.
SELECT f.service, f.title, f.severity, f.status, f.finding
FROM findings f
JOIN scope s ON f.scope = 'department=' || s.about AND f.first_seen <= s.week
ORDER BY f.severity_rank DESC, f.finding
