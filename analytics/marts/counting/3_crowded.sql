-- Where many share an address on a day, by what sightings there say.
--
-- In:  attributed (placing.py), contexts, staff, places, spells; words (holding/).  Out: tenants, crowded, shared.
-- Many accounts that one log names at an address within an hour, while one device has it, share it: what
-- else happens there on that day is nobody's. Most addresses have one account: the others are looked at.
CREATE OR REPLACE TEMP TABLE spots AS
WITH busy AS (
  SELECT seen_site, client FROM contexts WHERE user_name IS NOT NULL AND client IS NOT NULL
  GROUP BY seen_site, client HAVING COUNT(*) >= $crowd
),
many AS (
  SELECT c.seen_site, c.client
  FROM contexts AS c
  JOIN busy AS b ON b.seen_site = c.seen_site AND b.client = c.client
  GROUP BY c.seen_site, c.client HAVING COUNT(DISTINCT c.user_name) >= $crowd
)
SELECT c.context, c.user_name, c.seen_site, c.client
FROM contexts AS c
JOIN many AS m ON m.seen_site = c.seen_site AND m.client = c.client
LEFT JOIN staff AS a ON a.user_name = c.user_name
WHERE c.user_name IS NOT NULL AND a.kind IS NULL;

-- Who had the address meanwhile: the user of a VPN session, else the device by its name or MAC; 0: nobody known.
CREATE OR REPLACE TEMP TABLE tenants AS
SELECT s.spell, t.seen_site, t.client,
       CASE WHEN s.taken_over AND u.person IS NOT NULL THEN 4 * u.person
            WHEN d.mac IS NOT NULL THEN 4 * d.mac + 1 WHEN d.device IS NOT NULL THEN 4 * d.device + 2 ELSE 0 END AS tenant
FROM (SELECT DISTINCT seen_site, client FROM spots) AS t
JOIN places AS p ON p.site = t.seen_site AND p.address = t.client
JOIN spells AS s ON s.place = p.place
JOIN words AS u ON u.word = s.user_word
JOIN words AS d ON d.word = s.device_word;

CREATE OR REPLACE TEMP TABLE crowded AS
SELECT DISTINCT seen_site, client, tenant, shift
FROM (
  SELECT t.seen_site, t.client, e.facet // $aims % $shifts AS shift, COALESCE(n.tenant, 0) AS tenant
  FROM attributed AS e
  JOIN spots AS t ON t.context = e.facet // ($aims * $shifts * $turns)
  LEFT JOIN tenants AS n ON n.spell = e.spell
  GROUP BY t.seen_site, t.client, e.facet // $aims % $shifts, e.start_us // 3600000000, COALESCE(n.tenant, 0)
  HAVING COUNT(DISTINCT t.user_name) >= $crowd
) AS hours;

CREATE OR REPLACE TEMP TABLE shared AS
SELECT c.context, s.spell, o.shift
FROM crowded AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
JOIN tenants AS s ON s.seen_site = o.seen_site AND s.client = o.client AND s.tenant = o.tenant
UNION ALL
SELECT c.context, 0, o.shift
FROM crowded AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
WHERE o.tenant = 0
