-- What a later catalog changed about the week's traffic, in words only. The amount is not published: subtracted from
-- the total of a service, it could leave the figure of a small group.
SELECT CAST('$week' AS DATE) AS week, old_app, old_role, old_access, app, role, access,
       old_version, catalog_version, CAST(MAX(restated_at) AS TIMESTAMPTZ) AS restated_at
FROM week_restated
WHERE CAST(DATE_TRUNC('week', seen_at AT TIME ZONE '$zone') AS DATE) = DATE '$week'
GROUP BY old_app, old_role, old_access, app, role, access, old_version, catalog_version
ORDER BY old_app, app, old_role, role, old_access, access, old_version, catalog_version
