-- Made from the published cube only, so that it cannot say more than it does.
WITH services AS (
  SELECT c.vendor, c.country, u.week, u.app, u.grade, u.people, u.bytes_up, u.bytes_up_max, u.bytes_down
  FROM stored.usage_weekly AS u
  LEFT JOIN stored.catalog AS c ON c.app = u.app
  WHERE u.department = 'all' AND u.app <> 'all'
),
vendors AS (
  SELECT vendor, MIN(country) AS country,
         CAST(COUNT(DISTINCT app) AS BIGINT) AS services,
         MIN(week) AS first_week, MAX(week) AS last_week,
         MAX(grade) AS grade,
         MAX(people) AS people_at_least,
         CAST(SUM(bytes_up) AS BIGINT) AS bytes_up,
         CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max,
         CAST(SUM(bytes_down) AS BIGINT) AS bytes_down,
         CAST(SUM(CASE WHEN grade >= 3 AND bytes_up IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS hidden_rows
  FROM services
  GROUP BY vendor
)
SELECT vendor, country, services, first_week, last_week, grade,
       CASE grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                  WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       people_at_least, bytes_up, bytes_up_max, bytes_down, hidden_rows
FROM vendors
ORDER BY vendor NULLS FIRST
