-- One row per week of the report and of the last twelve: how many connections and bytes are tied to a person.
SELECT a.week, a.connections, a.attributed_connections, a.bytes_up, a.attributed_bytes_up, a.exact, a.counted
FROM attribution_weekly a
JOIN scope s ON a.week BETWEEN LEAST(s.oldest, CAST(DATE_TRUNC('week', s.first_day) AS DATE)) AND s.week
ORDER BY a.week
