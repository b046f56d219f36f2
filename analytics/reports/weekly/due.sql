-- One row per finding that waits for a decision and had been seen by the end of the week.
SELECT f.finding, f.title, f.severity, f.severity_rank, f.app, f.service, f.scope, f.status, f.not_evaluable_why, f.first_seen,
       f.last_seen, f.found_on, f.people_at_least, f.people_hidden, f.bytes_up, f.sessions, f.question, f.proposal, f.owner, f.due,
       f.decision, f.decided_on, f.valid_until
FROM findings f
JOIN scope s ON f.first_seen <= s.week
WHERE f.status IN ('open', 'not evaluable')
ORDER BY f.severity_rank DESC, f.due, COALESCE(f.bytes_up, 0) DESC, f.finding
