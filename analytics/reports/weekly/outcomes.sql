-- One row per finding decided last week or this: what was refused and what was still used after it.
SELECT f.finding, f.rule, f.title, f.app, f.service, f.scope, f.decision, f.decided_on, f.valid_until,
       b.attempts, b.app IS NOT NULL AS refused, COALESCE(v.seen, FALSE) AS seen,
       v.grade, v.people, v.people_hidden, v.bytes_up,
       v.last_grade, v.last_people, v.last_people_hidden, v.last_bytes_up
FROM findings f
CROSS JOIN scope s
LEFT JOIN services v ON v.app = f.app
LEFT JOIN blocked b ON b.app = f.app
WHERE f.decided_on BETWEEN s.previous AND s.sunday
ORDER BY f.decided_on, f.finding
