-- Slices put together again, for one vantage. What two vantages saw stands here twice; usage_hourly counts it once.
-- A slice that two sensors of the vantage saw is one: of each direction the greatest count stands.
WITH slices AS (
  SELECT vantage, COALESCE(connection, event_id) AS session, connection IS NOT NULL AS is_connection, app, role,
         MIN(COALESCE(started_at, seen_at)) AS started_at, MAX(seen_at) AS last_seen,
         MIN(site) AS site, MIN(client) AS client, MIN(user_name) AS user_name, MIN(device) AS device,
         MIN(host) AS host, MIN(access) AS access, MAX(client_class) AS client_class, MIN(action) AS action,
         MAX(grade) AS grade, MAX(bytes_up) AS bytes_up, SUM(bytes_up) AS bytes_up_max, MAX(bytes_down) AS bytes_down
  FROM stored.sightings
  WHERE kind <> 'dns'
  GROUP BY vantage, COALESCE(connection, event_id), connection IS NOT NULL, app, role, slice,
           CASE WHEN flow IS NULL OR started_at IS NULL THEN event_id END
),
joined AS (
  SELECT vantage, session, is_connection, app, role,
         MIN(started_at) AS started_at, MAX(last_seen) AS last_seen,
         MIN(site) AS site, MIN(client) AS client, MIN(user_name) AS user_name, MIN(device) AS device,
         MIN(host) AS host, MIN(access) AS access, MAX(client_class) AS client_class, MIN(action) AS action,
         MAX(grade) AS grade, CAST(SUM(bytes_up) AS BIGINT) AS bytes_up,
         CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max, CAST(SUM(bytes_down) AS BIGINT) AS bytes_down,
         CAST(COUNT(*) AS BIGINT) AS slices
  FROM slices
  GROUP BY vantage, session, is_connection, app, role
)
SELECT s.started_at, s.last_seen, s.vantage, s.session, s.is_connection, s.site, s.client, s.user_name, s.device,
       s.host, s.app, COALESCE(c.service, s.app) AS service, s.access, s.role, s.client_class, s.action, s.grade,
       CASE s.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       s.bytes_up, s.bytes_up_max, s.bytes_down, s.slices
FROM joined AS s
LEFT JOIN stored.catalog AS c ON c.app = s.app
ORDER BY s.started_at, s.vantage, s.session, s.is_connection, s.app NULLS FIRST, s.role NULLS FIRST
