SELECT app, service, vendor, category, country, shared, experimental, trains_by_default,
       risk_low, risk_high, risk_known, risk_asked,
       upload_baseline_bytes, affected, catalog_version
FROM stored.catalog
ORDER BY app
