-- Names a known service was near, or that answered as language models do, and that no signature knows. `shadowai candidates` ranks by more than this.
WITH near AS (
  SELECT n.host, n.near_app, MAX(n.near_clients) AS near_clients
  FROM stored.names AS n
  WHERE n.near_app IS NOT NULL
  GROUP BY n.host, n.near_app
),
closest AS (
  SELECT host, near_app, near_clients,
         ROW_NUMBER() OVER (PARTITION BY host ORDER BY near_clients DESC NULLS LAST, near_app) AS nth
  FROM near
),
hosts AS (
  SELECT host, MIN(domain) AS domain, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,
         MAX(clients) AS clients_at_most, CAST(SUM(lookups) AS BIGINT) AS lookups,
         CAST(SUM(connections) AS BIGINT) AS connections, TRY_CAST(SUM(bytes_up) AS BIGINT) AS bytes_up,
         TRY_CAST(SUM(bytes_down) AS BIGINT) AS bytes_down, CAST(SUM(streams) AS BIGINT) AS streams,
         CAST(SUM(even_streams) AS BIGINT) AS even_streams
  FROM stored.names
  GROUP BY host
)
SELECT h.host, h.domain, c.near_app, c.near_clients, h.first_seen, h.last_seen, h.clients_at_most,
       h.lookups, h.connections, h.bytes_up, h.bytes_down, h.streams, h.even_streams
FROM hosts AS h
LEFT JOIN closest AS c ON c.host = h.host AND c.nth = 1
WHERE (c.near_app IS NOT NULL OR h.even_streams > 0)
  AND h.host NOT IN (SELECT host FROM stored.sightings WHERE host IS NOT NULL)
  AND h.host NOT IN (SELECT host FROM stored.name_hits WHERE host IS NOT NULL AND app IS NOT NULL)
ORDER BY h.host
