-- How many AI servers, MCP servers and cleartext keys a week showed, by product. No address, no person.
-- Numbers of people are rounded down to a multiple of k. Keys are counted by fingerprint, and not where none is kept,
-- because the number of their senders would be a number of people. Exposed and unauthenticated apply to internal
-- servers only.
WITH week AS (
  SELECT *, server || ':' || CAST(server_port AS VARCHAR) AS place,
         CASE WHEN subject_kind IN ('user', 'device', 'address') AND client_scope NOT IN ('external', 'proxy') THEN subject END AS person
  FROM week_ai_servers_daily
  WHERE day BETWEEN DATE '$week' AND DATE '$week' + 6
),
kinds AS (
  SELECT 'server' AS kind, app AS name, place AS asset, * FROM week WHERE app LIKE 'behaviours/%' AND server_scope = 'internal'
  UNION ALL
  SELECT 'mcp_server', app, COALESCE(place, app), * FROM week WHERE mcp
  UNION ALL
  SELECT 'key_in_clear', key_type, key_print, * FROM week WHERE key_type IS NOT NULL
),
counted AS (
  SELECT kind, name, COUNT(DISTINCT asset) AS assets,
         COUNT(DISTINCT CASE WHEN server_scope = 'internal' AND client_scope IN ('external', 'guest') THEN asset END) AS exposed,
         COUNT(DISTINCT CASE WHEN server_scope = 'internal' AND unauthenticated_connections > 0 THEN asset END) AS unauthenticated,
         COUNT(DISTINCT CASE WHEN cleartext_connections > 0 THEN asset END) AS cleartext,
         COUNT(DISTINCT person) AS people
  FROM kinds
  GROUP BY kind, name
)
SELECT CAST('$week' AS DATE) AS week, kind, name, CAST(NULLIF(assets, 0) AS BIGINT) AS assets,
       CAST(exposed AS BIGINT) AS exposed, CAST(unauthenticated AS BIGINT) AS unauthenticated,
       CAST(CASE WHEN assets > 0 THEN cleartext END AS BIGINT) AS cleartext,
       CAST(CASE WHEN people >= $k THEN people - people % $k END AS BIGINT) AS people_at_least
FROM counted
ORDER BY kind, name
