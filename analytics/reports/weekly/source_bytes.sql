-- One row per sensor and source: whether it records connections, and whether it can know bytes sent, and could before.
SELECT n.sensor, n.source, n.connects AS connections, n.bytes_known AS knows_bytes_up,
       b.bytes_known AS knew_bytes_up
FROM names_weekly n
JOIN scope s ON s.week = n.week
LEFT JOIN names_weekly b ON b.sensor = n.sensor AND b.source = n.source AND b.week = s.previous AND b.host IS NULL
WHERE n.host IS NULL
ORDER BY n.sensor, n.source
