-- Contexts and targets as integer codes.
--
-- In:  contexts, targets, vantages, held_addresses, staff, owners, names.
-- Out: environments, context_codes, target_codes; rows added to names.
-- An `environment` is the part of a context that does not affect attribution. `address_name` is the subject if nobody
-- is known to hold the address. `base_binding` and `asof_offset` locate the bindings of the address (04_bindings.sql).
-- `counts_as` is 1 for records, 2 for lookups; `is_counted` is 0 for what a proxy forwards for others.
CREATE OR REPLACE TEMP TABLE environments AS
SELECT *, ROW_NUMBER() OVER () AS environment, DENSE_RANK() OVER (ORDER BY seen_site) AS seen_site_id
FROM (SELECT DISTINCT seen_site, segment, client_class, scope FROM contexts) AS found;

-- A token is unique to its site. A clear address (privacy level clear) is not, so its site is added.
CREATE OR REPLACE TEMP VIEW client_contexts AS
SELECT *,
       CASE WHEN client LIKE '%.%' OR client LIKE '%:%' THEN client || ' at ' || seen_site
            ELSE COALESCE(client, 'unknown') END AS address_name
FROM contexts;

INSERT INTO names
WITH found AS (
  SELECT address_name AS name FROM client_contexts
  UNION SELECT user_name FROM contexts UNION SELECT device FROM contexts
)
SELECT m.name, (SELECT COUNT(*) FROM names) + ROW_NUMBER() OVER () AS name_id, COALESCE(s.org_unit, 0) AS org_unit
FROM found AS m
LEFT JOIN staff AS s ON s.user_name = m.name
WHERE m.name IS NOT NULL AND m.name NOT IN (SELECT name FROM names);

CREATE OR REPLACE TEMP TABLE context_codes AS
WITH devices AS (
  SELECT c.device AS name, n.name_id AS device, o.name_id AS owner, w.confidence AS owner_confidence
  FROM (SELECT DISTINCT device FROM contexts WHERE device IS NOT NULL) AS c
  JOIN names AS n ON n.name = c.device
  LEFT JOIN owners AS w ON w.key_kind = 'device' AND w.device_key = c.device
  LEFT JOIN names AS o ON o.name = w.user_name
)
SELECT c.context, s.environment, CASE WHEN c.scope = 'proxy' THEN 0 ELSE 1 END AS is_counted,
       c.user_name IS NULL AS needs_lease, p.address_id, COALESCE(p.last_binding - p.bindings, 0) AS base_binding,
       COALESCE(p.last_binding, 0) * $window - $begin_us AS asof_offset,
       l.name_id AS address_name, COALESCE(a.name_id, 0) AS account, COALESCE(d.device, 0) AS device,
       COALESCE(d.owner, 0) AS owner, CAST(COALESCE(d.owner_confidence, 0) AS DOUBLE) AS owner_confidence
FROM client_contexts AS c
JOIN environments AS s
  ON s.seen_site = c.seen_site AND s.segment IS NOT DISTINCT FROM c.segment
 AND s.client_class IS NOT DISTINCT FROM c.client_class AND s.scope = c.scope
JOIN names AS l ON l.name = c.address_name
LEFT JOIN held_addresses AS p ON p.site = c.seen_site AND p.address = c.client
LEFT JOIN names AS a ON a.name = c.user_name
LEFT JOIN devices AS d ON d.name = c.device;

CREATE OR REPLACE TEMP TABLE target_codes AS
SELECT t.*, v.vantage_rank, t.app LIKE 'behaviours/%' AS by_behaviour,
       CASE WHEN t.kind = 'dns' THEN 2 ELSE 1 END AS counts_as,
       DENSE_RANK() OVER (ORDER BY t.vantage) * 1024 + DENSE_RANK() OVER (ORDER BY t.kind) AS vantage_kind,
       CASE WHEN t.host IS NULL THEN 0 ELSE DENSE_RANK() OVER (ORDER BY t.host) END AS host_id,
       DENSE_RANK() OVER (ORDER BY t.app) AS app_id, DENSE_RANK() OVER (ORDER BY t.app, t.access) AS app_access,
       CASE t.outcome WHEN 'use' THEN 0 WHEN 'blocked' THEN 1 ELSE 2 END AS outcome_id
FROM targets AS t
JOIN vantages AS v ON v.vantage = t.vantage AND v.made_by = t.made_by
