-- What sightings say of their clients and what they saw, in numbers.
--
-- In:  contexts, targets, vantages, places, staff, owners, names.  Out: settings, context_numbers, target_numbers; rows
-- added to names.
-- A `setting` is what plays no part in whom to believe. `label` is the name of the address itself, for which nobody
-- may speak; `before` and `line` say where its bindings begin (04_held.sql). `counts_as` is 1 for records, 2 for lookups;
-- `counts` is 0 for what a proxy sends on for others.
CREATE OR REPLACE TEMP TABLE settings AS
SELECT *, ROW_NUMBER() OVER () AS setting, DENSE_RANK() OVER (ORDER BY seen_site) AS seen_site_nth
FROM (SELECT DISTINCT seen_site, segment, client_class, scope FROM contexts) AS met;

-- A token of an address is of its site; the address itself, kept at level clear, is another at each.
CREATE OR REPLACE TEMP VIEW callers AS
SELECT *,
       CASE WHEN client LIKE '%.%' OR client LIKE '%:%' THEN client || ' at ' || seen_site
            ELSE COALESCE(client, 'unknown') END AS label
FROM contexts;

INSERT INTO names
WITH met AS (
  SELECT label AS name FROM callers UNION SELECT user_name FROM contexts UNION SELECT device FROM contexts
)
SELECT m.name, (SELECT COUNT(*) FROM names) + ROW_NUMBER() OVER () AS name_nth, COALESCE(s.post, 0) AS post
FROM met AS m
LEFT JOIN staff AS s ON s.user_name = m.name
WHERE m.name IS NOT NULL AND m.name NOT IN (SELECT name FROM names);

CREATE OR REPLACE TEMP TABLE context_numbers AS
WITH devices AS (
  SELECT c.device AS name, n.name_nth AS device, o.name_nth AS owner, w.confidence AS owner_confidence
  FROM (SELECT DISTINCT device FROM contexts WHERE device IS NOT NULL) AS c
  JOIN names AS n ON n.name = c.device
  LEFT JOIN owners AS w ON w.by_what = 'device' AND w.thing = c.device
  LEFT JOIN names AS o ON o.name = w.user_name
)
SELECT c.context, s.setting, CASE WHEN c.scope = 'proxy' THEN 0 ELSE 1 END AS counts, c.user_name IS NULL AS is_asked,
       p.place,
       COALESCE(p.last_binding - p.bindings, 0) AS before, COALESCE(p.last_binding, 0) * $window - $begin_us AS line,
       l.name_nth AS label, COALESCE(a.name_nth, 0) AS account, COALESCE(d.device, 0) AS device,
       COALESCE(d.owner, 0) AS owner, CAST(COALESCE(d.owner_confidence, 0) AS DOUBLE) AS owner_confidence
FROM callers AS c
JOIN settings AS s
  ON s.seen_site = c.seen_site AND s.segment IS NOT DISTINCT FROM c.segment
 AND s.client_class IS NOT DISTINCT FROM c.client_class AND s.scope = c.scope
JOIN names AS l ON l.name = c.label
LEFT JOIN places AS p ON p.site = c.seen_site AND p.address = c.client
LEFT JOIN names AS a ON a.name = c.user_name
LEFT JOIN devices AS d ON d.name = c.device;

CREATE OR REPLACE TEMP TABLE target_numbers AS
SELECT t.*, v.vantage_rank, t.app LIKE 'behaviours/%' AS by_behaviour, CASE WHEN t.kind = 'dns' THEN 2 ELSE 1 END AS counts_as,
       v.vantage_rank * 1024 + DENSE_RANK() OVER (ORDER BY t.kind) AS seen_by,
       CASE WHEN t.host IS NULL THEN 0 ELSE DENSE_RANK() OVER (ORDER BY t.host) END AS host_nth,
       DENSE_RANK() OVER (ORDER BY t.app) AS app_nth, DENSE_RANK() OVER (ORDER BY t.app, t.access) AS offer,
       CASE t.outcome WHEN 'use' THEN 0 WHEN 'blocked' THEN 1 ELSE 2 END AS outcome_nth
FROM targets AS t
JOIN vantages AS v ON v.vantage = t.eye
