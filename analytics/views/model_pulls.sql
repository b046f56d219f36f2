-- Models come from a hub's CDN hosts too, so every role counts. Vantages see the same bytes: the one that saw most. So do
-- several sources at one, and its sensors: a slice that several saw counts once, as far as their clocks differ by two
-- seconds at most.
WITH met AS (
  SELECT s.*, LAG(s.started_at) OVER (PARTITION BY s.flow ORDER BY s.started_at, s.event_id) AS started_before
  FROM stored.sightings AS s
  JOIN stored.catalog AS c ON c.app = s.app AND c.category = 'model-hub'
  WHERE s.kind <> 'dns' AND COALESCE(s.action, 'unknown') <> 'blocked'
),
told AS (
  SELECT *, SUM(CASE WHEN started_at <= started_before + INTERVAL '2' SECOND THEN 0 ELSE 1 END)
              OVER (PARTITION BY flow ORDER BY started_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
  FROM met
),
slices AS (
  SELECT CAST(seen_at AT TIME ZONE '$zone' AS DATE) AS day, site, client, user_name, app, vantage, source, repository,
         MAX(bytes_down) AS bytes_down, MAX(bytes_up) AS bytes_up,
         MAX(CASE WHEN revision IN ('main', 'master', 'latest', 'other') THEN repository END) AS unpinned,
         MAX(CASE WHEN model_format IN ('pickle', 'pytorch', 'llamafile') THEN 1 ELSE 0 END) AS run_code
  FROM told
  GROUP BY CAST(seen_at AT TIME ZONE '$zone' AS DATE), site, client, user_name, app, vantage, source, repository, flow,
           CASE WHEN flow IS NULL OR started_at IS NULL THEN event_id ELSE nth END, slice
),
seen AS (
  SELECT day, site, client, user_name, app, vantage, source, SUM(bytes_down) AS bytes_down, SUM(bytes_up) AS bytes_up,
         COUNT(DISTINCT repository) AS repositories, COUNT(DISTINCT unpinned) AS unpinned, SUM(run_code) AS run_code
  FROM slices
  GROUP BY day, site, client, user_name, app, vantage, source
)
SELECT p.day, p.site, p.client, p.user_name, p.app, MIN(c.service) AS service,
       CAST(MAX(p.bytes_down) AS BIGINT) AS bytes_down, CAST(MAX(p.bytes_up) AS BIGINT) AS bytes_up,
       CAST(MAX(p.repositories) AS BIGINT) AS repositories, CAST(MAX(p.unpinned) AS BIGINT) AS unpinned, CAST(MAX(p.run_code) AS BIGINT) AS run_code
FROM seen AS p
JOIN stored.catalog AS c ON c.app = p.app
GROUP BY p.day, p.site, p.client, p.user_name, p.app
ORDER BY p.day, p.site, p.client, p.user_name, p.app
