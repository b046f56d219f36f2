-- Cells of the published cube with an upload in them; a cell's figures are of all its use.
SELECT u.week, u.department, u.app,
       COALESCE(c.service, u.app) AS service, c.vendor, c.category, c.country, c.trains_by_default,
       u.grade, u.people, u.people_hidden, u.bytes_up, u.bytes_up_max,
       CAST(FLOOR(CAST(u.bytes_up AS DOUBLE) / NULLIF(u.people, 0)) AS BIGINT) AS bytes_up_per_person,
       c.upload_baseline_bytes
FROM stored.usage_weekly AS u
LEFT JOIN stored.catalog AS c ON c.app = u.app
WHERE u.grade >= 4 AND u.app <> 'all'
ORDER BY u.week, u.department, u.app
