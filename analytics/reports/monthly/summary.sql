-- One row: use in the weeks of the period.
SELECT CAST(COUNT(DISTINCT CASE WHEN u.app = 'all' AND u.grade >= 3 THEN u.week END) AS BIGINT) AS weeks,
       CAST(COUNT(DISTINCT CASE WHEN u.app <> 'all' AND u.grade >= 3 THEN u.app END) AS BIGINT) AS services,
       CAST(SUM(CASE WHEN u.app = 'all' THEN u.bytes_up END) AS BIGINT) AS bytes_up,
       CAST(SUM(CASE WHEN u.app = 'all' THEN u.bytes_up_max END) AS BIGINT) AS bytes_up_max
FROM usage_weekly u
CROSS JOIN scope s
WHERE u.department = 'all' AND u.week BETWEEN s.first_day AND s.last_day
ORDER BY weeks
