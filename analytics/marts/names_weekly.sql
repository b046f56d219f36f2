-- All names, AI or not. This is everyone's browsing, so only names with at least k clients at once are published, and
-- no volumes, because the cubes hide volumes of small groups. `clients` is a lower bound, so k of them are k. Names
-- without a dot are tokens of internal hosts, or internal hosts themselves, and are never published. Where overlapping
-- exports contain a row twice, the one with more clients counts; k clients are there if one row has k.
WITH seen AS (
  SELECT *, CAST(bucket AT TIME ZONE '$zone' AS DATE) AS day
  FROM week_names
  WHERE CAST(DATE_TRUNC('week', bucket AT TIME ZONE '$zone') AS DATE) = DATE '$week'
),
sources AS (
  SELECT sensor, source,
         COALESCE(SUM(connections), 0) > 0 AS connects,
         COUNT(bytes_up) > 0 AS bytes_known
  FROM week_names
  WHERE CAST(DATE_TRUNC('week', bucket AT TIME ZONE '$zone') AS DATE) = DATE '$week'
  GROUP BY sensor, source
),
named AS (
  SELECT sensor, source, host, MAX(domain) AS domain, MIN(day) AS first_seen, MAX(day) AS last_seen
  FROM seen
  WHERE clients >= $k AND host LIKE '%.%'
  GROUP BY sensor, source, host
  UNION ALL
  SELECT sensor, source, NULL, NULL, NULL, NULL FROM sources
)
SELECT CAST('$week' AS DATE) AS week, n.sensor, n.source, n.host, n.domain, n.first_seen, n.last_seen,
       s.connects, s.bytes_known
FROM named AS n
JOIN sources AS s ON s.sensor = n.sensor AND s.source = n.source
ORDER BY n.sensor, n.source, n.host NULLS FIRST
