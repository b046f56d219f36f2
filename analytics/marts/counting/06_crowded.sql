-- Where many share an address on a day, by what sightings there say.
--
-- In:  attributed (placing.py), contexts, context_numbers, staff, places, bindings; words (holding/).  Out: tenants, crowded, shared.
-- Many accounts that one log names at an address within an hour, while one device has it, share it: what
-- else happens there on that day is nobody's. Most addresses have one account: the others are looked at.
CREATE OR REPLACE TEMP TABLE spots AS
WITH logged AS (SELECT context, label, account FROM context_numbers WHERE account > 0),
busy AS (SELECT label FROM logged GROUP BY label HAVING COUNT(*) >= $crowd),
many AS (
  SELECT l.label
  FROM logged AS l
  JOIN busy AS b ON b.label = l.label
  GROUP BY l.label HAVING COUNT(DISTINCT l.account) >= $crowd
)
SELECT c.context, c.user_name, c.seen_site, c.client
FROM logged AS l
JOIN many AS m ON m.label = l.label
JOIN contexts AS c ON c.context = l.context
LEFT JOIN staff AS a ON a.user_name = c.user_name
WHERE c.client IS NOT NULL AND a.kind IS NULL;

-- Who had the address meanwhile: the user of a VPN session, else the device by its name or MAC; 0: nobody known.
CREATE OR REPLACE TEMP TABLE tenants AS
SELECT s.binding, t.seen_site, t.client,
       CASE WHEN s.taken_over AND u.person IS NOT NULL THEN 4 * u.person
            WHEN d.mac IS NOT NULL THEN 4 * d.mac + 1 WHEN d.device IS NOT NULL THEN 4 * d.device + 2 ELSE 0 END AS tenant
FROM (SELECT DISTINCT seen_site, client FROM spots) AS t
JOIN places AS p ON p.site = t.seen_site AND p.address = t.client
JOIN bindings AS s ON s.place = p.place
JOIN words AS u ON u.word = s.user_word
JOIN words AS d ON d.word = s.device_word;

CREATE OR REPLACE TEMP TABLE crowded AS
SELECT DISTINCT seen_site, client, tenant, shift
FROM (
  SELECT t.seen_site, t.client, e.facet // $targets % $shifts AS shift, COALESCE(n.tenant, 0) AS tenant
  FROM attributed AS e
  JOIN spots AS t ON t.context = e.facet // ($targets * $shifts * $turns)
  LEFT JOIN tenants AS n ON n.binding = e.binding
  GROUP BY t.seen_site, t.client, e.facet // $targets % $shifts, e.start_us // 3600000000, COALESCE(n.tenant, 0)
  HAVING COUNT(DISTINCT t.user_name) >= $crowd
) AS hours;

CREATE OR REPLACE TEMP TABLE shared AS
SELECT c.context, s.binding, o.shift
FROM crowded AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
JOIN tenants AS s ON s.seen_site = o.seen_site AND s.client = o.client AND s.tenant = o.tenant
UNION ALL
SELECT c.context, 0, o.shift
FROM crowded AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
WHERE o.tenant = 0
