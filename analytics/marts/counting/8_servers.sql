-- Who spoke to which AI server on the day, and how.
--
-- In:  events, attributed.  Out: at_servers, one row per event.
-- Servers are those known by manner (behaviours/: inference, tools, vector stores, MCP at any host), whatever
-- speaks MCP, and whatever was sent an AI key in the clear. A connection is one, whichever eyes saw it. Pages to
-- log in at, states of health and versions are for everybody: that they answer says nothing about access.
CREATE OR REPLACE TEMP TABLE at_servers AS
SELECT CAST(make_timestamptz(e.start_us) AT TIME ZONE '$zone' AS DATE) AS day,
       e.seen_site AS site, e.app, e.access, e.server, e.server_port, COALESCE(e.server_scope, 'unknown') AS server_scope,
       a.subject, a.subject_kind, a.department, e.client_scope, e.segment, e.server_segment, e.server_version, e.key_type, e.key_print,
       COALESCE(e.connection, e.event_id) AS connection, e.kind IN ('http', 'flow') AS cleartext, e.path, e.status, e.credential,
       e.access = 'mcp' OR e.mcp_version IS NOT NULL OR COALESCE(e.mcp_methods NOT LIKE 'a2a:%', FALSE) AS mcp, e.mcp_version,
       e.mcp_client, e.mcp_server, e.mcp_tools,
       COALESCE(REGEXP_MATCHES(e.path, '$public'), FALSE) AS is_public,
       -- a slice that several eyes saw counts once
       CASE WHEN ROW_NUMBER() OVER (PARTITION BY e.connection, e.slice, CASE WHEN e.connection IS NULL THEN e.event_id END
                                    ORDER BY e.bytes_down DESC NULLS LAST, e.event_id) = 1 THEN e.bytes_up END AS bytes_up,
       CASE WHEN ROW_NUMBER() OVER (PARTITION BY e.connection, e.slice, CASE WHEN e.connection IS NULL THEN e.event_id END
                                    ORDER BY e.bytes_down DESC NULLS LAST, e.event_id) = 1 THEN e.bytes_down END AS bytes_down
FROM events AS e
JOIN attributed AS a ON a.event_id = e.event_id
WHERE e.in_day AND e.grade >= 3 AND e.kind <> 'dns' AND e.outcome <> 'blocked'
  AND (e.app LIKE 'behaviours/%' OR e.access = 'mcp' OR e.mcp_version IS NOT NULL OR e.mcp_methods IS NOT NULL
       OR e.key_type IS NOT NULL)
