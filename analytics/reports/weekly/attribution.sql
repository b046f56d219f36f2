-- One row per week of the last twelve: how many connections and bytes are tied to a person.
SELECT a.week, a.connections, a.attributed_connections, a.bytes_up, a.attributed_bytes_up
FROM attribution_weekly a
CROSS JOIN scope s
WHERE a.week BETWEEN s.oldest AND s.week
ORDER BY a.week
