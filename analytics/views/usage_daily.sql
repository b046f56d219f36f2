-- The k-safe days of each service with the catalog's names.
WITH watched AS (
  SELECT d.day AS day, d.site, MAX(s.population) AS population
  FROM stored.coverage_days AS d
  JOIN stored.sensors AS s ON s.sensor = d.sensor AND s.site = d.site
  WHERE d.minutes_seen > 0
  GROUP BY d.day, d.site
),
behind AS (
  SELECT day, CAST(CASE WHEN COUNT(*) = COUNT(population) THEN SUM(population) END AS BIGINT) AS people_watched
  FROM watched
  GROUP BY day
)
SELECT u.day, u.app,
       COALESCE(c.service, u.app) AS service, c.vendor, c.category,
       u.grade,
       CASE u.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       u.people, u.people_hidden, b.people_watched, u.headcount, u.bytes_up, u.bytes_up_max, u.bytes_down,
       u.connections, u.requests, u.lookups
FROM stored.usage_daily AS u
LEFT JOIN stored.catalog AS c ON c.app = u.app
LEFT JOIN behind AS b ON b.day = u.day
ORDER BY u.day, u.app
