-- Findings that wait for a decision, the gravest first. They are as the newest week judged left them.
SELECT f.finding, f.title, f.severity, f.severity_rank, f.service, f.scope, f.status, f.not_evaluable_why, f.first_seen,
       f.last_seen, f.people_least, f.people_hidden, f.bytes_up, f.sessions, f.question, f.proposal, f.owner, f.due
FROM findings f
JOIN scope s ON f.first_seen <= s.week
WHERE f.status IN ('open', 'not evaluable')
ORDER BY f.severity_rank DESC, f.status DESC, f.due, COALESCE(f.people_least, 0) DESC, f.finding
