-- One row per day of the last four weeks on which any sensor reported.
SELECT c.day,
       CAST(COUNT(DISTINCT c.sensor) AS BIGINT) AS sensors,
       CAST(MAX(c.minutes_seen) AS BIGINT) AS minutes
FROM coverage_daily c
CROSS JOIN scope s
WHERE c.day BETWEEN s.four_weeks AND s.sunday AND c.minutes_seen > 0
GROUP BY c.day
ORDER BY c.day
