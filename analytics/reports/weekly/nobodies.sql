-- One row per service and kind of account that is nobody: in no figure about people.
SELECT n.app, n.service, n.kind, n.subjects, n.bytes_up
FROM nobodies_weekly n
JOIN scope s ON s.week = n.week
WHERE n.grade >= 3
ORDER BY COALESCE(n.bytes_up, 0) DESC, n.app, n.kind
