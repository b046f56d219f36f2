-- Models come from a hub's CDN hosts too, so every role counts. Vantages see the same bytes: the one that saw most.
WITH seen AS (
  SELECT CAST(s.seen_at AT TIME ZONE '$zone' AS DATE) AS day, s.site, s.client, s.user_name, s.app,
         s.vantage, SUM(s.bytes_down) AS bytes_down, SUM(s.bytes_up) AS bytes_up
  FROM stored.sightings AS s
  JOIN stored.catalog AS c ON c.app = s.app AND c.category = 'model-hub'
  WHERE s.kind <> 'dns' AND s.action <> 'blocked'
  GROUP BY 1, s.site, s.client, s.user_name, s.app, s.vantage
)
SELECT p.day, p.site, p.client, p.user_name, p.app, MIN(c.service) AS service,
       CAST(MAX(p.bytes_down) AS BIGINT) AS bytes_down, CAST(MAX(p.bytes_up) AS BIGINT) AS bytes_up
FROM seen AS p
JOIN stored.catalog AS c ON c.app = p.app
GROUP BY p.day, p.site, p.client, p.user_name, p.app
ORDER BY p.day, p.site, p.client, p.user_name, p.app
