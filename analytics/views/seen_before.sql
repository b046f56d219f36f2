-- Quarter hours of names that have no sighting: nobody knew the name then. Volumes are of everybody together,
-- what was refused among them.
WITH quarters AS (
  SELECT n.*
  FROM stored.names AS n
  JOIN stored.name_hits AS h ON h.host = n.host
  WHERE h.app IS NOT NULL
),
sighted AS (
  SELECT DISTINCT host,
         DATE_TRUNC('hour', seen_at)
           + CAST(FLOOR(EXTRACT(minute FROM seen_at) / 15) * 15 AS INTEGER) * INTERVAL '1' MINUTE AS bucket
  FROM stored.sightings
  WHERE host IN (SELECT host FROM stored.name_hits)
),
unseen AS (
  SELECT q.host, q.sensor, q.source,
         MIN(q.first_seen) AS first_seen, MAX(q.last_seen) AS last_seen,
         CAST(COUNT(DISTINCT q.bucket) AS BIGINT) AS quarter_hours,
         CAST(SUM(q.lookups) AS BIGINT) AS lookups, CAST(SUM(q.connections) AS BIGINT) AS connections,
         CAST(SUM(q.bytes_up) AS BIGINT) AS bytes_up, CAST(SUM(q.bytes_down) AS BIGINT) AS bytes_down,
         MAX(q.clients) AS clients_at_most
  FROM quarters AS q
  LEFT JOIN sighted AS s ON s.host = q.host AND s.bucket = q.bucket
  WHERE s.host IS NULL
  GROUP BY q.host, q.sensor, q.source
)
SELECT h.app, COALESCE(c.service, h.app) AS service, h.role, h.access, u.host, u.sensor, u.source,
       u.first_seen, u.last_seen, u.quarter_hours, u.lookups, u.connections, u.bytes_up, u.bytes_down,
       u.clients_at_most, h.catalog_version, h.matched_at
FROM unseen AS u
JOIN stored.name_hits AS h ON h.host = u.host
LEFT JOIN stored.catalog AS c ON c.app = h.app
ORDER BY h.app, u.host, u.sensor, u.source
