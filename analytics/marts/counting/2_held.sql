-- Every event with what was known about its address at that moment.
--
-- In:  events, holders, directory (rows valid on the day).  Out: staff, owners, spells, held, crowded.
-- A spell is a while in which nothing changes about who holds an address; what follows from it without
-- the event's own words is said here once: first the user of a lease, else the owner of the device,
-- the static word, a hint.
-- The as-of join, without ASOF: events and beginnings of spells in one line a place, and the last
-- beginning so far. Many accounts that one log names at an address within an hour, while one device has
-- it, share it: what else happens there on that day is nobody's.
CREATE OR REPLACE TEMP TABLE staff AS
SELECT user_name,
       MAX(CASE WHEN nth = 1 THEN department END) AS department,
       MAX(CASE WHEN nth = 1 THEN site END) AS site,
       MAX(CASE WHEN kind IN ('machine', 'service') THEN kind END) AS kind
FROM (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY user_name
    ORDER BY CASE WHEN department IS NULL THEN 1 ELSE 0 END,
             CASE WHEN device IS NULL AND mac IS NULL THEN 0 ELSE 1 END,
             valid_from DESC NULLS LAST, origin, department, site
  ) AS nth
  FROM directory
) AS ranked
GROUP BY user_name;

-- A device that two people are said to own says nothing about either.
CREATE OR REPLACE TEMP TABLE owners AS
WITH owned AS (
  SELECT d.device, d.mac, d.user_name, COALESCE(d.confidence, 0.9) AS confidence
  FROM directory AS d
  JOIN staff AS s ON s.user_name = d.user_name
  WHERE s.kind IS NULL
)
SELECT 'device' AS by_what, device AS thing, MAX(user_name) AS user_name, MAX(confidence) AS confidence
FROM owned WHERE device IS NOT NULL
GROUP BY device HAVING COUNT(DISTINCT user_name) = 1
UNION ALL
SELECT 'mac', mac, MAX(user_name), MAX(confidence)
FROM owned WHERE mac IS NOT NULL
GROUP BY mac HAVING COUNT(DISTINCT user_name) = 1;

CREATE OR REPLACE TEMP TABLE spells AS
WITH numbered AS (
  SELECT p.place, CAST(ROW_NUMBER() OVER (ORDER BY p.place, h.from_us) AS BIGINT) AS spell, h.*
  FROM holders AS h
  JOIN (
    SELECT site, address, CAST(ROW_NUMBER() OVER (ORDER BY site, address) AS BIGINT) AS place
    FROM (SELECT DISTINCT site, address FROM holders) AS held
  ) AS p ON p.site = h.site AND p.address = h.address
)
SELECT n.place, n.spell, n.site, n.address, n.from_us, n.to_us, n.tenant, n.device, n.shared_by,
       n.user_name AS lease_user, n.user_origin, n.user_confidence,
       CASE WHEN n.unvouched THEN n.user_since_us + 3600000000 ELSE n.to_us END AS stale_from_us,
       COALESCE(d.user_name, m.user_name, n.static_user, n.hint_user) AS other_user,
       CASE WHEN COALESCE(d.user_name, m.user_name) IS NOT NULL THEN 'owner'
            WHEN n.static_user IS NOT NULL THEN 'csv'
            WHEN n.hint_user IS NOT NULL THEN 'hint' END AS other_origin,
       CASE WHEN d.user_name IS NOT NULL THEN n.device_confidence * d.confidence
            WHEN m.user_name IS NOT NULL THEN n.device_confidence * m.confidence
            WHEN n.static_user IS NOT NULL THEN n.static_confidence
            ELSE n.hint_confidence END AS other_confidence
FROM numbered AS n
LEFT JOIN owners AS d ON d.by_what = 'device' AND d.thing = n.device
LEFT JOIN owners AS m ON m.by_what = 'mac' AND m.thing = n.mac;

CREATE OR REPLACE TEMP TABLE held AS
WITH line AS (
  SELECT place, from_us AS at_us, spell, CAST(NULL AS BIGINT) AS event_id FROM spells
  UNION ALL
  SELECT p.place, e.start_us, NULL, e.event_id
  FROM events AS e
  JOIN (SELECT DISTINCT site, address, place FROM spells) AS p
    ON p.site = e.seen_site AND p.address = e.client
),
read AS (
  SELECT event_id, at_us,
         MAX(spell) OVER (PARTITION BY place ORDER BY at_us, event_id NULLS FIRST
                          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS spell
  FROM line
)
SELECT r.event_id, r.spell
FROM read AS r
JOIN spells AS s ON s.spell = r.spell AND s.to_us > r.at_us
WHERE r.event_id IS NOT NULL;

CREATE OR REPLACE TEMP TABLE crowded AS
WITH named AS (
  SELECT e.event_id, e.seen_site, e.client, e.start_us // 3600000000 AS hour, e.user_name
  FROM events AS e
  LEFT JOIN staff AS a ON a.user_name = e.user_name
  WHERE e.user_name IS NOT NULL AND e.client IS NOT NULL AND a.kind IS NULL
),
-- Most addresses have one account: which device had it is asked only for the others.
busy AS (
  SELECT seen_site, client, hour FROM named
  GROUP BY seen_site, client, hour HAVING COUNT(DISTINCT user_name) >= $crowd
)
SELECT DISTINCT seen_site, client, tenant, hour // 24 AS day
FROM (
  SELECT n.seen_site, n.client, n.hour, COALESCE(s.tenant, '') AS tenant
  FROM named AS n
  JOIN busy AS b ON b.seen_site = n.seen_site AND b.client = n.client AND b.hour = n.hour
  LEFT JOIN held AS h ON h.event_id = n.event_id
  LEFT JOIN spells AS s ON s.spell = h.spell
  GROUP BY n.seen_site, n.client, n.hour, COALESCE(s.tenant, '')
  HAVING COUNT(DISTINCT n.user_name) >= $crowd
) AS hours
