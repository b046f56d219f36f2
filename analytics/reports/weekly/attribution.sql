-- One row: how many connections and bytes of the week are tied to a person.
SELECT a.connections, a.attributed_connections, a.bytes_up, a.attributed_bytes_up
FROM attribution_weekly a
JOIN scope s ON s.week = a.week
ORDER BY a.connections, a.attributed_connections
