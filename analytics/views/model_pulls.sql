-- Models come from a hub's CDN hosts too, so every role counts. Vantages see the same bytes: the one that saw most.
WITH seen AS (
  SELECT CAST(s.seen_at AT TIME ZONE '$zone' AS DATE) AS day, s.site, s.client, s.user_name, s.app,
         s.vantage, SUM(s.bytes_down) AS bytes_down, SUM(s.bytes_up) AS bytes_up,
         COUNT(DISTINCT s.repository) AS repositories,
         COUNT(DISTINCT CASE WHEN s.revision IN ('main', 'master', 'latest', 'other') THEN s.repository END) AS unpinned,
         SUM(CASE WHEN s.model_format IN ('pickle', 'pytorch', 'llamafile') THEN 1 ELSE 0 END) AS run_code
  FROM stored.sightings AS s
  JOIN stored.catalog AS c ON c.app = s.app AND c.category = 'model-hub'
  WHERE s.kind <> 'dns' AND COALESCE(s.action, 'unknown') <> 'blocked'
  GROUP BY 1, s.site, s.client, s.user_name, s.app, s.vantage
)
SELECT p.day, p.site, p.client, p.user_name, p.app, MIN(c.service) AS service,
       CAST(MAX(p.bytes_down) AS BIGINT) AS bytes_down, CAST(MAX(p.bytes_up) AS BIGINT) AS bytes_up,
       CAST(MAX(p.repositories) AS BIGINT) AS repositories, CAST(MAX(p.unpinned) AS BIGINT) AS unpinned, CAST(MAX(p.run_code) AS BIGINT) AS run_code
FROM seen AS p
JOIN stored.catalog AS c ON c.app = p.app
GROUP BY p.day, p.site, p.client, p.user_name, p.app
ORDER BY p.day, p.site, p.client, p.user_name, p.app
