-- One row per service: what a block would have met in the last four weeks, where it may be shown. Bytes that no
-- source could measure are missing, not hidden: what is hidden is hidden in both directions.
SELECT u.app,
       CAST(COUNT(*) AS BIGINT) AS weeks,
       MAX(u.people) AS people_most,
       CAST(SUM(u.bytes_up) AS BIGINT) AS bytes_up,
       CAST(SUM(u.connections) AS BIGINT) AS connections,
       COUNT(*) FILTER (WHERE u.bytes_up IS NULL AND u.bytes_down IS NULL) AS weeks_hidden
FROM usage_weekly u
CROSS JOIN scope s
WHERE u.department = 'all' AND u.app <> 'all' AND u.grade >= 3 AND u.week BETWEEN s.four_weeks AND s.week
GROUP BY u.app
ORDER BY u.app
