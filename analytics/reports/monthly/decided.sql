-- One row per finding decided in the period.
SELECT f.decided_on, f.service, f.title, f.decision, f.status, f.finding
FROM findings f
JOIN scope s ON f.decided_on BETWEEN s.first_day AND s.last_day
ORDER BY f.decided_on, f.finding
