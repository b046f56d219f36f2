-- A connection is one whoever saw it, as far as clocks differ by two seconds at most; a lookup is no sign of a server.
WITH met AS (
  SELECT s.*, LAG(s.started_at) OVER (PARTITION BY s.flow ORDER BY s.started_at, s.event_id) AS started_before,
         ROW_NUMBER() OVER (
           PARTITION BY s.site, s.app, s.server, s.server_port
           ORDER BY CASE WHEN s.server_version IS NULL THEN 1 ELSE 0 END, s.seen_at DESC, s.event_id
         ) AS said_last,
         CASE WHEN s.status BETWEEN 200 AND 299 THEN s.credential END AS accepted,
         COALESCE(s.client_scope, 'unknown') = 'external' AND s.server_scope = 'internal' AS from_outside
  FROM stored.sightings AS s
  JOIN stored.catalog AS c ON c.app = s.app AND c.category IN ('self-hosted', 'gpu-cluster')
  WHERE s.grade >= 3 AND s.kind IN ('http', 'tls', 'quic', 'flow') AND COALESCE(s.action, 'unknown') <> 'blocked'
    AND s.server IS NOT NULL
),
told AS (
  SELECT *, CASE WHEN flow IS NULL OR started_at IS NULL THEN CAST(connection AS VARCHAR)
                 ELSE CONCAT(CAST(flow AS VARCHAR), '/', CAST(
                   SUM(CASE WHEN started_at <= started_before + INTERVAL '2' SECOND THEN 0 ELSE 1 END)
                     OVER (PARTITION BY flow ORDER BY started_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
                   AS VARCHAR)) END AS one_connection
  FROM met
),
hourly AS (
  SELECT site, app, server, server_port, DATE_TRUNC('hour', seen_at) AS hour,
         COUNT(DISTINCT CONCAT(COALESCE(one_connection, CAST(event_id AS VARCHAR)), '/', CAST(COALESCE(slice, 0) AS VARCHAR))) AS requests
  FROM told
  WHERE connections > 0
  GROUP BY site, app, server, server_port, DATE_TRUNC('hour', seen_at)
),
rates AS (
  SELECT site, app, server, COALESCE(server_port, -1) AS port, SUM(requests) AS requests, MAX(requests) AS peak
  FROM hourly
  GROUP BY site, app, server, COALESCE(server_port, -1)
)
SELECT m.site, m.app, MIN(c.service) AS service, m.server, m.server_port,
       MIN(m.seen_at) AS first_seen, MAX(m.seen_at) AS last_seen,
       CAST(COUNT(DISTINCT m.client) AS BIGINT) AS clients,
       CAST(COUNT(DISTINCT CASE WHEN m.from_outside THEN m.client END) AS BIGINT) AS external_clients,
       CAST(COUNT(DISTINCT m.one_connection) AS BIGINT) AS connections,
       CAST(COALESCE(MAX(r.requests), 0) AS BIGINT) AS requests,
       CAST(COALESCE(MAX(r.peak), 0) AS BIGINT) AS peak_requests_per_hour,
       CAST(COUNT(DISTINCT CASE WHEN m.kind = 'http' AND m.decrypted IS NOT TRUE THEN m.one_connection END) AS BIGINT) AS cleartext_connections,
       CAST(COUNT(DISTINCT CASE WHEN m.accepted = 'none' THEN m.one_connection END) AS BIGINT)
         AS unauthenticated_connections,
       CAST(COUNT(DISTINCT CASE WHEN m.status IN (401, 403) THEN m.one_connection END) AS BIGINT) AS refused_connections,
       CAST(COUNT(DISTINCT CASE WHEN m.streamed THEN m.one_connection END) AS BIGINT) AS streamed_connections,
       CAST(COUNT(DISTINCT CASE WHEN m.stream_turns > 0 THEN m.one_connection END) AS BIGINT) AS stream_like_connections,
       COALESCE(MAX(NULLIF(m.mcp_version, 'session')), MAX(m.mcp_version)) AS mcp_version,
       MAX(CASE WHEN m.said_last = 1 THEN m.server_version END) AS server_version
FROM told AS m
JOIN stored.catalog AS c ON c.app = m.app
LEFT JOIN rates AS r ON COALESCE(r.site, '') = COALESCE(m.site, '') AND r.app = m.app AND r.server = m.server AND r.port = COALESCE(m.server_port, -1)
GROUP BY m.site, m.app, m.server, m.server_port
ORDER BY m.site, m.app, m.server, m.server_port
