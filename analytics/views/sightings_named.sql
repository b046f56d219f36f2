-- Evidence with names: what the marts concluded about a sighting's client when its day was counted.
-- Each condition of the join compares one side with the other: DuckDB 1.x compares all pairs otherwise.
-- The condition in `attributed` is always true. DuckDB guesses that a condition leaves a fifth of the rows, and so hashes
-- these rows for the join instead of the sightings, of which there are many more: a third of the time.
WITH attributed AS (
  SELECT * FROM stored.named_daily WHERE from_at < until_at
)
SELECT s.event_id, s.seen_at, s.duration_s, s.sensor, s.vantage, s.source, s.kind, n.subject, n.subject_kind, n.user_name,
       n.department, n.home_site, n.attributed_by, n.confidence AS attribution_confidence, s.site, s.segment, s.client,
       s.device, s.host, s.app, COALESCE(c.service, s.app) AS service, c.vendor, c.category, s.access, s.role,
       s.client_class, s.action, s.grade,
       CASE s.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       s.bytes_up, s.bytes_down, s.connections, s.requests, s.lookups, s.connection, s.slice, s.signature, s.confidence,
       s.catalog_version
FROM stored.sightings AS s
LEFT JOIN attributed AS n
  ON n.day = CAST(s.seen_at AT TIME ZONE 'UTC' AS DATE) AND n.seen_site =
     CASE WHEN s.role = 'use' OR (s.role = 'embedded' AND COALESCE(s.action, 'unknown') <> 'blocked')
          THEN COALESCE(s.site, 'unknown') END
 AND n.client IS NOT DISTINCT FROM s.client AND n.logged_user IS NOT DISTINCT FROM s.user_name
 AND n.device IS NOT DISTINCT FROM s.device AND s.seen_at >= n.from_at AND s.seen_at < n.until_at
 AND (COALESCE(s.client_scope, '') = 'external' AND s.app LIKE 'behaviours/%') >= n.outside
 AND (COALESCE(s.client_scope, '') = 'external' AND s.app LIKE 'behaviours/%')
     <= (n.outside OR n.attributed_by <> 'nobody')
LEFT JOIN stored.catalog AS c ON c.app = s.app
