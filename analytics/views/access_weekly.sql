-- usage_weekly, split by how a service was reached and how sure that is.
SELECT a.week, a.department, a.app, COALESCE(c.service, a.app) AS service, a.access, a.grade,
       CASE a.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       a.people, a.bytes_up, a.bytes_up_max, a.bytes_down, a.connections, a.lookups
FROM stored.access_weekly AS a
LEFT JOIN stored.catalog AS c ON c.app = a.app
ORDER BY a.week, a.department, a.app, a.access, a.grade
