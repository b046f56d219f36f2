-- The k-safe days of each service with the catalog's names.
SELECT u.day, u.app,
       COALESCE(c.service, u.app) AS service, c.vendor, c.category,
       u.grade,
       CASE u.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       u.people, u.people_hidden, u.bytes_up, u.bytes_up_max, u.bytes_down,
       u.connections, u.requests, u.lookups
FROM stored.usage_daily AS u
LEFT JOIN stored.catalog AS c ON c.app = u.app
ORDER BY u.day, u.app
