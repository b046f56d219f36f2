-- The inventory: what the sensors met of AI besides people's use of services. Each asset once at a site, over all days
-- kept: a server that spoke MCP at any time is an MCP server.
--
-- An asset's owner is who held its address last (a server's), or who used it. It is new where its first day lies
-- in the newest week of the inventory, gone where its last day lies before; but tokens change with the keys, every
-- 13 weeks, and then all that is inside looks new and gone.
WITH servers AS (
  SELECT CASE WHEN MAX(CASE WHEN mcp THEN 1 ELSE 0 END) OVER (PARTITION BY site, server, server_port) = 1
              THEN 'mcp_server' ELSE 'server' END AS kind,
         COALESCE(server || ':' || CAST(server_port AS VARCHAR), server) AS asset, app, site, server_scope AS scope, day, server AS address, subject, mcp_server AS name, mcp_tools AS tools
  FROM stored.ai_servers_daily
  WHERE server IS NOT NULL AND (mcp OR (app LIKE 'behaviours/%' AND server_scope = 'internal'))
),
keys AS (
  SELECT 'key' AS kind, key_print AS asset, app, site, 'internal' AS scope, day, CAST(NULL AS VARCHAR) AS address, subject,
         key_type AS name, CAST(NULL AS VARCHAR) AS tools
  FROM stored.ai_servers_daily
  WHERE key_print IS NOT NULL
),
agents AS (
  SELECT 'agent_host' AS kind, u.subject AS asset, CAST(NULL AS VARCHAR) AS app, u.site, 'internal' AS scope,
         CAST(u.hour AT TIME ZONE '$zone' AS DATE) AS day, CAST(NULL AS VARCHAR) AS address, u.subject, u.subject_kind AS name,
         CAST(NULL AS VARCHAR) AS tools
  FROM stored.usage_hourly AS u
  WHERE u.grade >= 3 AND u.access IN ('cli', 'agent', 'mcp')
),
-- By sensor and source: several may see the same bytes.
pulls AS (
  SELECT 'model_pull' AS kind, COALESCE(s.user_name, s.client) || ' ' || s.app AS asset, s.app, s.site, 'internal' AS scope,
         CAST(s.seen_at AT TIME ZONE '$zone' AS DATE) AS day, CAST(NULL AS VARCHAR) AS address,
         COALESCE(s.user_name, s.client) AS subject, CAST(NULL AS VARCHAR) AS name, CAST(NULL AS VARCHAR) AS tools
  FROM stored.sightings AS s
  JOIN stored.catalog AS c ON c.app = s.app AND c.category = 'model-hub'
  WHERE s.kind <> 'dns' AND COALESCE(s.action, 'unknown') <> 'blocked'
  GROUP BY COALESCE(s.user_name, s.client), s.app, s.site, CAST(s.seen_at AT TIME ZONE '$zone' AS DATE), s.sensor, s.source
  HAVING SUM(s.bytes_down) >= 10000000
),
everything AS (
  SELECT * FROM servers UNION ALL SELECT * FROM keys UNION ALL SELECT * FROM agents UNION ALL SELECT * FROM pulls
),
newest AS (SELECT CAST(DATE_TRUNC('week', MAX(day)) AS DATE) AS week FROM everything),
holders AS (
  SELECT site, address, COALESCE(user_name, device) AS owner,
         ROW_NUMBER() OVER (PARTITION BY site, address ORDER BY valid_from DESC, user_name NULLS LAST, device NULLS LAST) AS nth
  FROM stored.leases
  WHERE user_name IS NOT NULL OR device IS NOT NULL
),
assets AS (
  SELECT kind, asset, site, MIN(scope) AS scope, MIN(app) AS app, MAX(name) AS name, MAX(tools) AS tools, MIN(day) AS first_seen,
         MAX(day) AS last_seen, CAST(COUNT(DISTINCT day) AS BIGINT) AS days_seen,
         CAST(COUNT(DISTINCT subject) AS BIGINT) AS clients, MIN(address) AS address, MIN(subject) AS subject
  FROM everything
  GROUP BY kind, asset, site
),
decided AS (
  SELECT app, MIN(status) AS status FROM stored.policy WHERE kind = 'status' AND scope = 'all' AND app IS NOT NULL GROUP BY app
)
SELECT a.kind, a.asset, a.site, a.scope, a.app, COALESCE(c.service, a.app) AS service, a.name, a.tools, a.first_seen, a.last_seen,
       a.days_seen, a.clients,
       CASE WHEN a.kind IN ('server', 'mcp_server') THEN h.owner WHEN a.clients = 1 THEN a.subject END AS owner,
       COALESCE(d.status, 'undecided') AS status,
       CASE WHEN a.last_seen < n.week THEN 'gone' WHEN a.first_seen >= n.week THEN 'new' ELSE 'known' END AS change
FROM assets AS a
CROSS JOIN newest AS n
LEFT JOIN stored.catalog AS c ON c.app = a.app
LEFT JOIN holders AS h ON h.site = a.site AND h.address = a.address AND h.nth = 1
LEFT JOIN decided AS d ON d.app = a.app
ORDER BY a.kind, a.asset, a.site
