-- One row per sensor and source: connections with a name, and whether it can know bytes sent.
SELECT n.sensor, n.source,
       CAST(SUM(n.connections) AS BIGINT) AS connections,
       CAST(SUM(n.lookups) AS BIGINT) AS lookups,
       COUNT(n.bytes_up) > 0 AS knows_bytes_up
FROM names n
CROSS JOIN scope s
WHERE n.bucket >= s.starts_at AND n.bucket < s.ends_at
GROUP BY n.sensor, n.source
ORDER BY n.sensor, n.source
