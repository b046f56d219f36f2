-- One row per decision of the period, also where another one followed, or the finding is gone (another policy).
SELECT CAST(d.decided_at AT TIME ZONE s.zone AS DATE) AS decided_on, f.service, f.title, f.scope, d.decision, d.decided_by,
       f.status, d.finding
FROM decisions d
JOIN scope s ON CAST(d.decided_at AT TIME ZONE s.zone AS DATE) BETWEEN s.first_day AND s.last_day
LEFT JOIN findings f ON f.finding = d.finding
ORDER BY d.decided_at, d.finding
