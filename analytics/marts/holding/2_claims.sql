-- What each lease claims: a user, a device, or that many share the address.
--
-- In:  coded (the addresses of this part), words.  Out: told, claims.
-- Most leases are renewals: a lease that says the same as the one before it of its kind, begins before that ends
-- and ends no earlier goes on with it, and both are one row. Logins are not: one said again is news, because it is
-- believed less as it gets old; and what ends a RADIUS session or a hint may lie between two of them.
-- Both looks at a lease's neighbours go by `turn`: of leases that are all the same each sort has its own order.
-- `nth` orders the leases of a place; of two that begin at once the surer comes last, and wins.
-- Slots say how much a claim is worth (the smaller number wins). Users: 11 VPN, 12 RADIUS, 13 logins and
-- whatever else names one, 14 DHCP, 15 static CSV, 16 hints. Devices: 21 VPN, 22 RADIUS, 23 DHCP,
-- 24 others, 25 static CSV. A VPN session takes the address over: it claims both even where it names one.
CREATE OR REPLACE TEMP TABLE told AS
WITH beside AS (
  SELECT *, ROW_NUMBER() OVER in_turn AS turn,
         COALESCE(word = LAG(word) OVER in_turn AND from_us <= LAG(to_us) OVER in_turn
                  AND to_us >= LAG(to_us) OVER in_turn, false) AS goes_on,
         COALESCE(word = LEAD(word) OVER in_turn AND to_us >= LEAD(from_us) OVER in_turn
                  AND to_us <= LEAD(to_us) OVER in_turn, false) AS is_renewed
  FROM coded
  WHERE $part AND kind IN (1, 4, 5) AND NOT shared
  WINDOW in_turn AS (PARTITION BY place, kind ORDER BY from_us, sure, to_us, word)
),
ends AS (
  SELECT place, word, kind, sure, shared, from_us, goes_on,
         CASE WHEN is_renewed THEN LEAD(to_us) OVER in_turn ELSE to_us END AS to_us
  FROM beside
  WHERE NOT goes_on OR NOT is_renewed
  WINDOW in_turn AS (PARTITION BY place, kind ORDER BY turn)
),
kept AS (
  SELECT place, word, kind, sure, shared, from_us, to_us FROM ends WHERE NOT goes_on
  UNION ALL
  SELECT place, word, kind, sure, shared, from_us, to_us FROM coded
  WHERE $part AND (kind NOT IN (1, 4, 5) OR shared)
)
SELECT place, word, kind, shared, from_us, to_us,
       CAST(ROW_NUMBER() OVER (PARTITION BY place ORDER BY from_us, sure, to_us, word) AS BIGINT) AS nth
FROM kept;

CREATE OR REPLACE TEMP TABLE claims AS
SELECT t.place, t.nth, t.from_us, t.to_us, 10 + t.kind AS slot, w.person AS holder, t.word AS says, w.mac, w.device
FROM told AS t
JOIN words AS w ON w.word = t.word
WHERE NOT t.shared AND (w.person IS NOT NULL OR t.kind = 1)
UNION ALL
SELECT t.place, t.nth, t.from_us, t.to_us, CASE t.kind WHEN 3 THEN 24 WHEN 4 THEN 23 ELSE 20 + t.kind END,
       w.thing, w.about_thing, w.mac, w.device
FROM told AS t
JOIN words AS w ON w.word = t.word
WHERE NOT t.shared AND (w.thing IS NOT NULL OR t.kind = 1) AND t.kind <> 6
