SELECT host, matched_at, signature, app, access, role, confidence, catalog_version
FROM stored.name_hits
ORDER BY host
