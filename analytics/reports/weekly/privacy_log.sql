-- What was done with personal data in the week, as its hash-chained record says.
SELECT a.entry, a.done_at, a.action, a.case_id, a.done_by, a.reason, a.people, a.deleted_rows, a.hash
FROM audit a
JOIN scope s ON a.done_at >= s.starts_at AND a.done_at < s.ends_at
ORDER BY a.entry, a.hash
