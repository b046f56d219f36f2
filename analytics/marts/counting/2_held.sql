-- What was known about every address while something stayed as it was.
--
-- In:  contexts, events, directory (rows valid on the day); held, addresses, named (holding/).
-- Out: staff, headcounts, owners, places, spells, buckets, crowded.
-- A spell is a while in which nothing changes about who holds an address; what follows from it without
-- the event's own words is said here once: first the user of a lease, else the owner of the device,
-- the static word, a hint. Only spells that an event can fall into are looked at.
--
-- The as-of join, without ASOF and without a sort: an address's time is cut into as many buckets as it has
-- spells, and a spell stands in each of its buckets, so that an event looks at two or three of them.
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
SELECT ROW_NUMBER() OVER () AS account, * FROM merged;

CREATE OR REPLACE TEMP TABLE headcounts AS
SELECT CAST($day_at AT TIME ZONE 'UTC' AS DATE) AS day, COALESCE(department, 'unattributed') AS department,
       CAST(COUNT(*) AS BIGINT) AS headcount
FROM staff
WHERE kind IS NULL
GROUP BY COALESCE(department, 'unattributed');

-- A device that two people are said to own says nothing about either.
CREATE OR REPLACE TEMP TABLE owners AS
WITH owned AS (
  SELECT d.device, d.mac, d.user_name, s.account, COALESCE(d.confidence, 0.9) AS confidence
  FROM directory AS d
  JOIN staff AS s ON s.user_name = d.user_name
  WHERE s.kind IS NULL
)
SELECT 'device' AS by_what, device AS thing, MAX(user_name) AS user_name, MAX(account) AS account,
       MAX(confidence) AS confidence
FROM owned WHERE device IS NOT NULL
GROUP BY device HAVING MIN(account) = MAX(account)
UNION ALL
SELECT 'mac', mac, MAX(user_name), MAX(account), MAX(confidence)
FROM owned WHERE mac IS NOT NULL
GROUP BY mac HAVING MIN(account) = MAX(account);

CREATE OR REPLACE TEMP TABLE places AS
WITH asked AS (SELECT MIN(start_us) AS from_us, MAX(start_us) + 1 AS to_us FROM events),
standing AS (
  SELECT h.place, a.from_us, a.to_us, COUNT(*) AS spells
  FROM held AS h
  JOIN asked AS a ON h.from_us < a.to_us AND h.to_us > a.from_us
  GROUP BY h.place, a.from_us, a.to_us
)
SELECT s.place, d.site, d.address, s.from_us, s.to_us, (s.to_us - s.from_us) // s.spells + 1 AS width_us
FROM standing AS s
JOIN addresses AS d ON d.place = s.place;

CREATE OR REPLACE TEMP TABLE spells AS
WITH placed AS (
  SELECT n.*, ROW_NUMBER() OVER () AS spell,
         (GREATEST(n.from_us, p.from_us) - p.from_us) // p.width_us AS first_bucket,
         (LEAST(n.to_us, p.to_us) - 1 - p.from_us) // p.width_us AS last_bucket
  FROM named AS n
  JOIN places AS p ON p.place = n.place AND n.from_us < p.to_us AND n.to_us > p.from_us
),
known AS (
  SELECT n.spell, n.place, n.first_bucket, n.last_bucket, n.from_us, n.to_us, n.tenant, n.device, n.shared_by,
         n.user_name AS lease_user, n.user_origin, n.user_confidence, l.account AS lease_account,
         CASE WHEN n.unvouched THEN n.user_since_us + 3600000000 ELSE n.to_us END AS stale_from_us,
         COALESCE(d.user_name, m.user_name, n.static_user, n.hint_user) AS other_user,
         COALESCE(d.account, m.account, s.account) AS other_account,
         CASE WHEN COALESCE(d.user_name, m.user_name) IS NOT NULL THEN 'owner'
              WHEN n.static_user IS NOT NULL THEN 'csv'
              WHEN n.hint_user IS NOT NULL THEN 'hint' END AS other_origin,
         CASE WHEN d.user_name IS NOT NULL THEN n.device_confidence * d.confidence
              WHEN m.user_name IS NOT NULL THEN n.device_confidence * m.confidence
              WHEN n.static_user IS NOT NULL THEN n.static_confidence
              ELSE n.hint_confidence END AS other_confidence
  FROM placed AS n
  LEFT JOIN owners AS d ON d.by_what = 'device' AND d.thing = n.device
  LEFT JOIN owners AS m ON m.by_what = 'mac' AND m.thing = n.mac
  LEFT JOIN staff AS l ON l.user_name = n.user_name
  LEFT JOIN staff AS s ON s.user_name = COALESCE(n.static_user, n.hint_user)
)
SELECT * FROM known;

CREATE OR REPLACE TEMP TABLE buckets AS
SELECT place, UNNEST(RANGE(first_bucket, last_bucket + 1)) AS bucket, spell, from_us, to_us, stale_from_us
FROM spells;

-- Many accounts that one log names at an address within an hour, while one device has it, share it: what
-- else happens there on that day is nobody's. Most addresses have one account: the others are looked at.
CREATE OR REPLACE TEMP TABLE crowded AS
WITH many AS (
  SELECT seen_site, client FROM contexts WHERE user_name IS NOT NULL AND client IS NOT NULL
  GROUP BY seen_site, client HAVING COUNT(DISTINCT user_name) >= $crowd
),
spots AS (
  SELECT c.context, c.user_name, c.seen_site, c.client, p.place, p.from_us, p.width_us
  FROM contexts AS c
  JOIN many AS m ON m.seen_site = c.seen_site AND m.client = c.client
  LEFT JOIN staff AS a ON a.user_name = c.user_name
  LEFT JOIN places AS p ON p.site = c.seen_site AND p.address = c.client
  WHERE c.user_name IS NOT NULL AND a.kind IS NULL
)
SELECT DISTINCT seen_site, client, tenant, hour // 24 AS day
FROM (
  SELECT t.seen_site, t.client, e.start_us // 3600000000 AS hour, COALESCE(s.tenant, '') AS tenant
  FROM events AS e
  JOIN spots AS t ON t.context = e.context
  LEFT JOIN buckets AS b
    ON b.place = t.place AND b.bucket = (e.start_us - t.from_us) // t.width_us
   AND b.from_us <= e.start_us AND b.to_us > e.start_us
  LEFT JOIN spells AS s ON s.spell = b.spell
  GROUP BY t.seen_site, t.client, e.start_us // 3600000000, COALESCE(s.tenant, '')
  HAVING COUNT(DISTINCT t.user_name) >= $crowd
) AS hours
