-- One row per sensor and source: whether it records connections, and whether it can know bytes sent.
SELECT n.sensor, n.source, n.connects AS connections, n.bytes_known AS knows_bytes_up
FROM names_weekly n
JOIN scope s ON s.week = n.week
WHERE n.host IS NULL
ORDER BY n.sensor, n.source
