-- AI servers and their clients by day (counting/day_sql/13_servers.sql): the input of the rules about servers.
SELECT counted_day, day, site, app, access, server, server_port, server_scope, subject, subject_kind, department, client_scope,
       segment, server_segment, key_type, key_print,
       -- by number: 0.12.0 is newer than 0.9.6
       ARG_MAX(server_version, ROW(TRY_CAST(STRING_SPLIT(server_version, '.') AS BIGINT[]), server_version)) AS server_version,
       BOOL_OR(mcp) AS mcp, COALESCE(MAX(NULLIF(mcp_version, 'session')), MAX(mcp_version)) AS mcp_version,
       MAX(mcp_server) AS mcp_server, MAX(mcp_client) AS mcp_client,
       -- of several connections the one that named most
       SUBSTR(MAX(LPAD(CAST(LENGTH(mcp_tools) AS VARCHAR), 5, '0') || mcp_tools), 6) AS mcp_tools,
       CAST(COUNT(DISTINCT connection) AS BIGINT) AS connections,
       CAST(COUNT(DISTINCT CASE WHEN cleartext THEN connection END) AS BIGINT) AS cleartext_connections,
       CAST(COUNT(DISTINCT CASE WHEN credential = 'none' AND status BETWEEN 200 AND 299 AND NOT is_public THEN connection END) AS BIGINT)
         AS unauthenticated_connections,
       CAST(COUNT(DISTINCT CASE WHEN credential <> 'none' THEN connection END) AS BIGINT) AS credential_connections,
       CAST(COUNT(DISTINCT CASE WHEN status IN (401, 403) THEN connection END) AS BIGINT) AS refused_connections,
       CAST(COUNT(DISTINCT CASE WHEN status BETWEEN 400 AND 499 THEN connection END) AS BIGINT) AS failed_connections,
       CAST(COUNT(DISTINCT path) AS BIGINT) AS paths,
       TRY_CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, TRY_CAST(SUM(bytes_down) AS BIGINT) AS bytes_down
FROM server_requests
GROUP BY counted_day, day, site, app, access, server, server_port, server_scope, subject, subject_kind, department, client_scope,
         segment, server_segment, key_type, key_print
ORDER BY counted_day, day, site, app, server, server_port, subject, access, key_type, key_print, client_scope, segment, server_segment, department,
         server_scope, subject_kind
