-- Requests to AI servers, with the subject that sent them.
--
-- In:  details, attributed, facets.  Out: server_requests, one row per event.
-- AI servers are those recognised by behaviour (behaviours/: inference, tools, vector stores, MCP on any host), any
-- server that speaks MCP, and any server that received an AI key in cleartext. A connection counts once, however many
-- vantages saw it. Login pages, health checks and versions are public: an answer to these says nothing about access
-- control. A request that a proxy read inside TLS is not cleartext, and neither is a key in it.
CREATE OR REPLACE TEMP VIEW server_requests AS
WITH slices AS (
  SELECT event_id, day, request, slice, start_us, seen_site, app, access, server, server_port, server_scope,
         server_segment,
         server_version, scope, segment, is_open, CASE WHEN is_open THEN key_type END AS key_type,
         CASE WHEN is_open THEN key_print END AS key_print, kind, path, status, credential, mcp_version, mcp_methods,
         mcp_client, mcp_server, mcp_tools, bytes_up, bytes_down, vantage, source,
         ROW_NUMBER() OVER (PARTITION BY day, request, vantage, source, slice ORDER BY bytes_down DESC NULLS LAST, event_id) AS nth
  FROM details
  WHERE of_server
),
seen AS (
  SELECT *, SUM(CASE WHEN nth = 1 THEN bytes_down END) OVER (PARTITION BY day, request, vantage, source) AS seen_bytes
  FROM slices
),
-- the bytes of a slice count once, as the vantage and source that saw most of the request saw it
requests AS (
  SELECT *, nth = 1 AND RANK() OVER (
           PARTITION BY day, request ORDER BY seen_bytes DESC NULLS LAST, vantage, source
         ) = 1 AS is_counted
  FROM seen
)
SELECT f.counted_day, CAST(make_timestamptz(e.start_us) AT TIME ZONE '$zone' AS DATE) AS day,
       e.seen_site AS site, e.app, e.access, e.server, e.server_port,
       COALESCE(e.server_scope, 'unknown') AS server_scope,
       f.subject, f.subject_kind, f.department, e.scope AS client_scope, e.segment, e.server_segment, e.server_version,
       e.key_type, e.key_print,
       e.request AS connection, e.is_open AND e.kind <> 'proxy' AS cleartext, e.path, e.status, e.credential,
       e.access = 'mcp' OR e.mcp_version IS NOT NULL OR COALESCE(e.mcp_methods NOT LIKE 'a2a:%', FALSE) AS mcp,
       e.mcp_version, e.mcp_client, e.mcp_server, e.mcp_tools,
       COALESCE(REGEXP_MATCHES(e.path, '$public'), FALSE) AS is_public,
       CASE WHEN e.is_counted THEN e.bytes_up END AS bytes_up, CASE WHEN e.is_counted THEN e.bytes_down END AS bytes_down
FROM requests AS e
JOIN attributed AS a ON a.event_id = e.event_id AND a.vantage_day % 8 = e.day
JOIN facets AS f ON f.facet = a.facet
