-- Every event with what was known about its address at that moment.
--
-- In:  events, holders, directory (rows valid on the day).  Out: held, crowded.
-- The as-of join, without ASOF: events and beginnings of intervals in one line a place, and the last
-- beginning so far. Many accounts that one log names at an address within an hour, while one device has
-- it, share it: what else happens there on that day is nobody's.
CREATE OR REPLACE TEMP TABLE spells AS
SELECT place, CAST(ROW_NUMBER() OVER (ORDER BY place, from_us) AS BIGINT) AS spell, h.*
FROM holders AS h
JOIN (
  SELECT site, address, CAST(ROW_NUMBER() OVER (ORDER BY site, address) AS BIGINT) AS place
  FROM (SELECT DISTINCT site, address FROM holders) AS held
) AS p USING (site, address);

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
WITH robots AS (SELECT DISTINCT user_name FROM directory WHERE kind IN ('machine', 'service')),
named AS (
  SELECT e.seen_site, e.client, COALESCE(s.tenant, '') AS tenant, e.start_us // 3600000000 AS hour,
         e.start_us // 86400000000 AS day, e.user_name
  FROM events AS e
  LEFT JOIN held AS h ON h.event_id = e.event_id
  LEFT JOIN spells AS s ON s.spell = h.spell
  WHERE e.user_name IS NOT NULL AND e.client IS NOT NULL
    AND e.user_name NOT IN (SELECT user_name FROM robots)
)
SELECT DISTINCT seen_site, client, tenant, day
FROM (
  SELECT seen_site, client, tenant, day, hour FROM named
  GROUP BY seen_site, client, tenant, day, hour
  HAVING COUNT(DISTINCT user_name) >= $crowd
) AS hours
