-- The figures of these services in these weeks rest on another catalog than they first did.
SELECT r.week, r.old_app, COALESCE(o.service, r.old_app) AS old_service, r.old_role, r.old_access,
       r.app, COALESCE(c.service, r.app) AS service, r.role, r.access,
       r.old_version, r.catalog_version, r.restated_at
FROM stored.restatements_weekly AS r
LEFT JOIN stored.catalog AS o ON o.app = r.old_app
LEFT JOIN stored.catalog AS c ON c.app = r.app
ORDER BY r.week, r.restated_at, r.old_app NULLS FIRST, r.app NULLS FIRST, r.old_role, r.role, r.old_access,
         r.access, r.old_version, r.catalog_version
