-- Addresses that many people share on a day, according to the accounts in the logs.
--
-- In:  attributed (binding_join.py), contexts, context_codes, staff, held_addresses, bindings; statements (holder_sql/).
-- Out: address_holders, shared_hours, shared_contexts.
-- An address is shared on a day if $shared_users accounts appear at it within an hour while one device holds it. Events
-- there without an account are then attributed to nobody. Most addresses have one account and are skipped.
CREATE OR REPLACE TEMP TABLE login_contexts AS
WITH logged AS (SELECT context, address_name, account FROM context_codes WHERE account > 0),
busy AS (SELECT address_name FROM logged GROUP BY address_name HAVING COUNT(*) >= $shared_users),
many AS (
  SELECT l.address_name
  FROM logged AS l
  JOIN busy AS b ON b.address_name = l.address_name
  GROUP BY l.address_name HAVING COUNT(DISTINCT l.account) >= $shared_users
)
SELECT c.context, c.user_name, c.seen_site, c.client
FROM logged AS l
JOIN many AS m ON m.address_name = l.address_name
JOIN contexts AS c ON c.context = l.context
LEFT JOIN staff AS a ON a.user_name = c.user_name
WHERE c.client IS NOT NULL AND a.kind IS NULL;

-- The holder during each binding: the user of a VPN session, else the device by MAC or name; 0 if unknown.
CREATE OR REPLACE TEMP TABLE address_holders AS
SELECT s.binding, t.seen_site, t.client,
       CASE WHEN s.taken_over AND u.person IS NOT NULL THEN 4 * u.person
            WHEN d.mac IS NOT NULL THEN 4 * d.mac + 1 WHEN d.device IS NOT NULL THEN 4 * d.device + 2
              ELSE 0 END AS holder
FROM (SELECT DISTINCT seen_site, client FROM login_contexts) AS t
JOIN held_addresses AS p ON p.site = t.seen_site AND p.address = t.client
JOIN bindings AS s ON s.address_id = p.address_id
JOIN statements AS u ON u.statement = s.user_statement
JOIN statements AS d ON d.statement = s.device_statement;

CREATE OR REPLACE TEMP TABLE shared_hours AS
SELECT DISTINCT seen_site, client, holder, day_pair
FROM (
  SELECT t.seen_site, t.client, e.facet // $targets % $day_pairs AS day_pair, COALESCE(n.holder, 0) AS holder
  FROM attributed AS e
  JOIN login_contexts AS t ON t.context = e.facet // ($targets * $day_pairs * $binding_slots)
  LEFT JOIN address_holders AS n ON n.binding = e.binding
  GROUP BY t.seen_site, t.client, e.facet // $targets % $day_pairs, e.start_us // 3600000000, COALESCE(n.holder, 0)
  HAVING COUNT(DISTINCT t.user_name) >= $shared_users
) AS hours;

CREATE OR REPLACE TEMP TABLE shared_contexts AS
SELECT c.context, s.binding, o.day_pair
FROM shared_hours AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
JOIN address_holders AS s ON s.seen_site = o.seen_site AND s.client = o.client AND s.holder = o.holder
UNION ALL
SELECT c.context, 0, o.day_pair
FROM shared_hours AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
WHERE o.holder = 0
