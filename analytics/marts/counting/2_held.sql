-- What was known about every address while something stayed as it was.
--
-- In:  contexts, bounds, directory (rows valid on the day); held, addresses (holding/).
-- Out: staff, headcounts, owners, places, spells, said (a view: spells in words).
-- A spell is a while in which nothing changes about who holds an address. Only spells that an event can fall into
-- are looked at. They are numbered by address and time, without gaps: 3_attributed.sql looks for them by halving.
CREATE OR REPLACE TEMP TABLE staff AS
WITH ranked AS (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY user_name
    ORDER BY CASE WHEN department IS NULL THEN 1 ELSE 0 END,
             CASE WHEN device IS NULL AND mac IS NULL THEN 0 ELSE 1 END,
             valid_from DESC NULLS LAST, origin, department, site
  ) AS nth
  FROM directory
),
merged AS (
  SELECT user_name,
         MAX(CASE WHEN nth = 1 THEN department END) AS department,
         MAX(CASE WHEN nth = 1 THEN site END) AS site,
         MAX(CASE WHEN kind IN ('machine', 'service') THEN kind END) AS kind
  FROM ranked
  GROUP BY user_name
)
SELECT * FROM merged;

CREATE OR REPLACE TEMP TABLE headcounts AS
SELECT CAST($day_at AT TIME ZONE 'UTC' AS DATE) AS day, COALESCE(department, 'unattributed') AS department,
       CAST(COUNT(*) AS BIGINT) AS headcount
FROM staff
WHERE kind IS NULL
GROUP BY COALESCE(department, 'unattributed');

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
GROUP BY device HAVING MIN(user_name) = MAX(user_name)
UNION ALL
SELECT 'mac', mac, MAX(user_name), MAX(confidence)
FROM owned WHERE mac IS NOT NULL
GROUP BY mac HAVING MIN(user_name) = MAX(user_name);

CREATE OR REPLACE TEMP TABLE places AS
WITH asked AS (
  SELECT d.place, d.site, d.address, b.from_us AS begin_us, b.to_us AS end_us
  FROM (SELECT DISTINCT seen_site, client FROM contexts) AS c
  JOIN addresses AS d ON d.site = c.seen_site AND d.address = c.client
  CROSS JOIN bounds AS b
),
met AS (
  SELECT place, MIN(h.nth) AS first_nth, COUNT(*) AS spells
  FROM held AS h
  JOIN asked AS a USING (place)
  WHERE h.from_us < a.end_us AND h.to_us > a.begin_us
  GROUP BY place
)
SELECT a.*, m.first_nth, m.spells,
       CAST(SUM(m.spells) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS last_spell
FROM met AS m
JOIN asked AS a USING (place);

CREATE OR REPLACE TEMP TABLE spells AS
SELECT p.last_spell - p.spells + 1 + h.nth - p.first_nth AS spell, h.*
FROM held AS h
JOIN places AS p ON p.place = h.place AND h.from_us < p.end_us AND h.to_us > p.begin_us;

$said
