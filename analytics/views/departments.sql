-- The cube's line of totals, without the line of everyone: these rows are of different people and add up.
WITH named AS (
  SELECT week, department, CAST(COUNT(*) AS BIGINT) AS services
  FROM stored.usage_weekly
  WHERE department <> 'all' AND app <> 'all'
  GROUP BY week, department
)
SELECT u.week, u.department, u.people, u.people_hidden, u.headcount, COALESCE(n.services, 0) AS services_at_least, u.grade,
       CASE u.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       u.bytes_up, u.bytes_up_max, u.bytes_down, u.connections, u.requests
FROM stored.usage_weekly AS u
LEFT JOIN named AS n ON n.week = u.week AND n.department = u.department
WHERE u.app = 'all' AND u.department <> 'all'
ORDER BY u.week, u.department
