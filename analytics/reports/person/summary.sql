-- One row: the week of the person or device.
SELECT p.subject_kind AS kind, p.apps AS services, p.grade, p.bytes_up, p.bytes_down, p.connections
FROM people p
JOIN scope s ON s.week = p.week AND s.about = p.subject
ORDER BY p.subject
