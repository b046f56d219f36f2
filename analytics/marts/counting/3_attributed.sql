-- Every event with its facet: all that who was behind it can hang on.
--
-- In:  events, contexts, targets, vantages, staff, places, spells, stays, asked; words (holding/).
-- Out: aims (targets in numbers), attributed, tenants, crowded, shared.
--
-- The as-of join, without a sort of the events: the spells of an address follow each other, and an event looks for
-- the last that began before it by halving what is left (days.py: as many joins as the longest row of spells can be
-- halved, each with a table that is an array). A `facet` is its context, the spell it fell into (the how manieth of
-- its address; none where the log names the account, which is believed before any lease), whether that had grown
-- stale, the day it counts for and the day it happened on (its `shift`: 8 * day, plus 3 where they are the same), and
-- its target. Of facets there are far fewer: whom to believe is said once for each (belief.py).
--
-- A `watch` is a vantage on a day: days in numbers are below 8. `counts_as` is 1 for records, 2 for lookups, 0 for what
-- a proxy sends on for others; a number, because truth values take three times as long to write.
CREATE OR REPLACE TEMP TABLE aims AS
SELECT t.*, v.vantage_rank, t.app LIKE 'behaviours/%' AS by_manner, CASE WHEN t.kind = 'dns' THEN 2 ELSE 1 END AS counts_as,
       v.vantage_rank * 1024 + DENSE_RANK() OVER (ORDER BY t.kind) AS seen_by,
       CASE WHEN t.host IS NULL THEN 0 ELSE DENSE_RANK() OVER (ORDER BY t.host) END AS host_nth,
       DENSE_RANK() OVER (ORDER BY t.app) AS app_nth, DENSE_RANK() OVER (ORDER BY t.app, t.access) AS offer,
       CASE t.outcome WHEN 'use' THEN 0 WHEN 'blocked' THEN 1 ELSE 2 END AS outcome_nth
FROM targets AS t
JOIN vantages AS v ON v.vantage = t.eye;

-- An address and a time are one number, a `moment`: the addresses' windows of time lie one behind the other, in the
-- order of their spells. Spell 0 stands before all, and what is beyond the last is looked at by mistake: they begin
-- after every event. Where nothing is said nobody stays.
CREATE OR REPLACE TEMP TABLE times AS
SELECT s.spell, p.last_spell * $window + GREATEST(s.from_us - $begin_us, 0) AS moment,
       CASE WHEN s.is_said THEN s.to_us ELSE s.from_us END AS to_us, s.stale_from_us,
       2 * (s.spell - p.last_spell + p.spells) AS turn
FROM spells AS s
JOIN places AS p ON p.place = s.place
UNION ALL
SELECT 0, 9223372036854775807, 0, 0, 0
UNION ALL
SELECT n.spells + r.i, 9223372036854775807, 0, 0, 0
FROM (SELECT COUNT(*) AS spells FROM spells) AS n CROSS JOIN RANGE(1, $turns) AS r (i);

CREATE OR REPLACE TEMP TABLE askers AS
SELECT a.context * $days + d.i - $nth AS asker, a.counts, a.is_asked, COALESCE(s.before, a.before) AS before, a.line
FROM asked AS a
CROSS JOIN RANGE($nth, $last_nth + 1) AS d (i)
LEFT JOIN stays AS s ON s.place = a.place AND s.day = d.i;

CREATE OR REPLACE TEMP VIEW asking AS
SELECT e.*, c.is_asked, c.before, c.line + e.start_us AS moment, c.before AS spell,
       t.vantage_rank * 8 + e.day AS watch, t.host_nth, c.counts * t.counts_as AS counts_as
FROM events AS e
JOIN askers AS c ON c.asker = e.context * $days + e.day - $nth
JOIN aims AS t ON t.target = e.target;

-- What is true is 1 here: to choose by cases takes longer than to multiply.
CREATE OR REPLACE TEMP TABLE attributed AS
WITH placed AS (
  SELECT f.*, t.turn + CAST(f.start_us >= t.stale_from_us AS BIGINT) AS turn,
         CAST(f.spell > f.before AND f.start_us < t.to_us AS BIGINT) AS is_said
  FROM $found AS f
  JOIN times AS t ON t.spell = f.spell
)
SELECT * EXCLUDE (context, target, day, is_asked, before, moment, spell, turn, is_said), is_said * spell AS spell,
       ((context * $turns + CAST(is_asked AS BIGINT) * is_said * turn) * $shifts + 7 * day + start_us // 86400000000
         - $first_day) * $aims + target AS facet
FROM placed;

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
