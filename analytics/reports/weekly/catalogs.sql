-- One row per catalog version the lake's sightings were matched with.
SELECT catalog_version, CAST(COUNT(*) AS BIGINT) AS services
FROM catalog
GROUP BY catalog_version
ORDER BY catalog_version
