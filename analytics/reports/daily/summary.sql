-- One row: how many services were in use.
SELECT CAST(COUNT(*) AS BIGINT) AS services
FROM usage_daily u
JOIN scope s ON u.day = s.first_day
WHERE u.app <> 'all' AND u.grade >= 3
ORDER BY services
