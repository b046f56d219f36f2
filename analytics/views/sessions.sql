-- Slices put together again, for one vantage. What two vantages saw stands here twice; usage_hourly counts it once.
-- A slice that is there twice is one: of each direction the greatest count stands. All slices of a connection have
-- its start, so that a reader's filter on it reaches the files.
WITH slices AS (
  SELECT vantage, connection, started_at, app, role, MAX(seen_at) AS last_seen,
         MAX(seen_at + CASE WHEN duration_s BETWEEN 0 AND 2592000 THEN duration_s END * INTERVAL '1' SECOND)
           AS ended_at,
         MIN(site) AS site, MIN(client) AS client, MIN(user_name) AS user_name, MIN(device) AS device,
         MIN(host) AS host, MIN(access) AS access, MAX(client_class) AS client_class, MIN(action) AS action,
         MAX(grade) AS grade, MAX(bytes_up) AS bytes_up, SUM(bytes_up) AS bytes_up_max, MAX(bytes_down) AS bytes_down,
         MIN(flow) AS flow
  FROM stored.sightings
  WHERE kind <> 'dns' AND connection IS NOT NULL
  GROUP BY vantage, connection, started_at, app, role, slice
),
sessions AS (
  SELECT vantage, connection AS session, true AS is_connection, app, role, started_at, MAX(last_seen) AS last_seen,
         MAX(ended_at) AS ended_at, MIN(site) AS site, MIN(client) AS client, MIN(user_name) AS user_name,
         MIN(device) AS device, MIN(host) AS host, MIN(access) AS access, MAX(client_class) AS client_class,
         MIN(action) AS action, MAX(grade) AS grade, CAST(SUM(bytes_up) AS BIGINT) AS bytes_up,
         CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max, CAST(SUM(bytes_down) AS BIGINT) AS bytes_down,
         CAST(COUNT(*) AS BIGINT) AS slices, MIN(flow) AS flow
  FROM slices
  GROUP BY vantage, connection, started_at, app, role
  UNION ALL
  SELECT vantage, event_id AS session, false AS is_connection, app, role, seen_at AS started_at, seen_at AS last_seen,
         seen_at + CASE WHEN duration_s BETWEEN 0 AND 2592000 THEN duration_s END * INTERVAL '1' SECOND AS ended_at,
         site, client, user_name, device, host, access, client_class, action, grade, bytes_up, bytes_up AS bytes_up_max,
         bytes_down, 1 AS slices, flow
  FROM stored.sightings
  WHERE kind <> 'dns' AND connection IS NULL
)
SELECT s.started_at, s.last_seen, s.ended_at, s.vantage, s.session, s.is_connection, s.flow, s.site, s.client,
       s.user_name, s.device, s.host, s.app, COALESCE(c.service, s.app) AS service, s.access, s.role, s.client_class,
       s.action, s.grade,
       CASE s.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       s.bytes_up, s.bytes_up_max, s.bytes_down, CAST(s.slices AS BIGINT) AS slices
FROM sessions AS s
LEFT JOIN stored.catalog AS c ON c.app = s.app
