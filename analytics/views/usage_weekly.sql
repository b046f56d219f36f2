-- The k-safe cube with the catalog's names. Small groups were hidden when the cube was built.
WITH sides AS (
  SELECT week, old_app AS app, old_version, catalog_version FROM stored.restatements_weekly
  UNION ALL
  SELECT week, app, old_version, catalog_version FROM stored.restatements_weekly
  UNION ALL
  SELECT week, 'all' AS app, old_version, catalog_version FROM stored.restatements_weekly
),
restated AS (
  SELECT week, app, MIN(old_version) AS restated_from, MAX(catalog_version) AS restated_to
  FROM sides
  GROUP BY week, app
),
watched AS (
  SELECT CAST(DATE_TRUNC('week', d.day) AS DATE) AS week, d.site, MAX(s.population) AS population
  FROM stored.coverage_days AS d
  JOIN stored.sensors AS s ON s.sensor = d.sensor AND s.site = d.site
  WHERE d.minutes_seen > 0
  GROUP BY CAST(DATE_TRUNC('week', d.day) AS DATE), d.site
),
behind AS (
  SELECT week, CAST(CASE WHEN COUNT(*) = COUNT(population) THEN SUM(population) END AS BIGINT) AS people_watched
  FROM watched
  GROUP BY week
)
SELECT u.week, u.department, u.app,
       COALESCE(c.service, u.app) AS service, c.vendor, c.category,
       u.grade,
       CASE u.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       u.people, u.people_hidden, u.people_any_grade,
       CASE WHEN u.department = 'all' THEN b.people_watched END AS people_watched, u.headcount,
       u.bytes_up, u.bytes_up_max, u.bytes_down, u.connections, u.requests, u.lookups, u.corroborations, r.restated_from, r.restated_to
FROM stored.usage_weekly AS u
LEFT JOIN stored.catalog AS c ON c.app = u.app
LEFT JOIN restated AS r ON r.week = u.week AND r.app = u.app
LEFT JOIN behind AS b ON b.week = u.week
ORDER BY u.week, u.department, u.app
