-- One row per day, sensor, site and source of the last twelve weeks: when it watched.
SELECT c.day, c.sensor, c.site, c.source,
       CAST(SUM(c.minutes_seen) AS BIGINT) AS minutes,
       MIN(c.first_seen) AS first_seen,
       MAX(c.last_seen) AS last_seen
FROM coverage_daily c
CROSS JOIN scope s
WHERE c.day BETWEEN s.oldest AND s.sunday AND c.minutes_seen > 0
GROUP BY c.day, c.sensor, c.site, c.source
ORDER BY c.day, c.sensor, c.site, c.source
