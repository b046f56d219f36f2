-- One row: on how many days of the period any sensor reported.
SELECT CAST(COUNT(DISTINCT c.day) AS BIGINT) AS days, CAST(SUM(c.minutes_seen) AS BIGINT) AS minutes
FROM coverage_daily c
CROSS JOIN scope s
WHERE c.day BETWEEN s.first_day AND s.last_day AND c.minutes_seen > 0
ORDER BY days
