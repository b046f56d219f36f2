-- Names are stored without clients; but each row says which known service was used by the same client within 30 s. So a
-- name that was new at a site, next to a model hub, was met by somebody who had just fetched from there. Names of the first
-- week of a site are all new and left out, as are names the catalog knows.
WITH firsts AS (SELECT site, host, MIN(bucket) AS bucket FROM stored.names GROUP BY site, host),
begins AS (SELECT site, MIN(bucket) AS bucket FROM stored.names GROUP BY site),
known AS (SELECT DISTINCT host FROM stored.sightings WHERE host IS NOT NULL)
SELECT n.site, n.host, n.domain, MIN(n.first_seen) AS first_seen, n.near_app AS app, MIN(c.service) AS service,
       CAST(MAX(n.near_clients) AS BIGINT) AS near_clients, CAST(SUM(n.lookups) AS BIGINT) AS lookups,
       CAST(SUM(n.connections) AS BIGINT) AS connections, TRY_CAST(SUM(n.bytes_up) AS BIGINT) AS bytes_up
FROM stored.names AS n
JOIN firsts AS f ON f.site = n.site AND f.host = n.host AND f.bucket = n.bucket
JOIN begins AS b ON b.site = n.site
JOIN stored.catalog AS c ON c.app = n.near_app AND c.category IN ('model-hub', 'self-hosted')
LEFT JOIN known AS k ON k.host = n.host
WHERE k.host IS NULL AND n.bucket >= b.bucket + INTERVAL 7 DAY
GROUP BY n.site, n.host, n.domain, n.near_app
ORDER BY first_seen, n.site, n.host, n.near_app
