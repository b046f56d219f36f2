-- Which services' figures of the week rest on another catalog than they first did.
WITH sides AS (
    SELECT r.old_service AS service, r.old_version, r.catalog_version, r.restated_at
    FROM restatements r
    CROSS JOIN scope s
    WHERE r.week = s.week AND r.old_app IS NOT NULL
    UNION ALL
    SELECT r.service, r.old_version, r.catalog_version, r.restated_at
    FROM restatements r
    CROSS JOIN scope s
    WHERE r.week = s.week AND r.app IS NOT NULL
)
SELECT service, old_version, catalog_version, MAX(restated_at) AS restated_at
FROM sides
GROUP BY service, old_version, catalog_version
ORDER BY service, old_version, catalog_version
