SELECT app, service, vendor, category, country, shared, experimental, trains_by_default,
       upload_baseline_bytes, catalog_version
FROM stored.catalog
ORDER BY app
