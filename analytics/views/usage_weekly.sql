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
)
SELECT u.week, u.department, u.app,
       COALESCE(c.service, u.app) AS service, c.vendor, c.category,
       u.grade,
       CASE u.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       u.people, u.people_hidden, u.bytes_up, u.bytes_up_max, u.bytes_down,
       u.connections, u.requests, u.lookups, u.corroborations, r.restated_from, r.restated_to
FROM stored.usage_weekly AS u
LEFT JOIN stored.catalog AS c ON c.app = u.app
LEFT JOIN restated AS r ON r.week = u.week AND r.app = u.app
ORDER BY u.week, u.department, u.app
