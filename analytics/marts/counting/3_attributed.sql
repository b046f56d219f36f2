-- Every event with its subject: the account, else the device, else the address.
--
-- In:  events, contexts, targets, vantages, staff, owners, voices, places, spells, stays, said.
-- Out: aims (targets in numbers), attributed, crowded, standings, bearers, facet_numbers, facets (a view).
--
-- The as-of join, without a sort of the events: the spells of an address follow each other, and an event looks for
-- the last that began before it by halving what is left (days.py: as many joins as the longest row of spells can be
-- halved, each with a table that is an array). Its `facet` holds all that who was behind it can hang on: its
-- context, the spell it fell into (the how manieth of its address; none where the log names the account, which is
-- believed before any lease), whether that had grown stale, the day it counts for and the day it happened on (its
-- `shift`: 8 * day, plus 3 where they are the same), and its target.
--
-- All else is said once a facet, of which there are far fewer. Whom to believe, in this order: the account the log
-- itself names; the user of a lease; the owner of the device; the static word; a hint. A shared address speaks for
-- nobody, machine and service accounts are no persons: what they do is theirs, and who comes from outside to a
-- server of ours is none of our people. `attributed_by` is the origin of the word that was believed, or why there is
-- none. A login that no DHCP lease vouches for is believed less after an hour.
--
-- Context, spell, staleness and whether the address was crowded are together a `standing`, numbers stand for words:
-- `watch` (a vantage on a day), `party` (a subject under an outcome on a day), `service` (a party and an app),
-- `host_nth` (0: unknown), `eye` (a vantage and kind), `bearer` (a subject and the manner it appears in), `cell` (a row
-- of usage_hourly but for hour and grade: bearer, day, offer, and whether somebody from outside). Days in them are
-- below 8. `facets` is what they stand for.
CREATE OR REPLACE TEMP TABLE aims AS
SELECT t.*, v.vantage_rank, t.app LIKE 'behaviours/%' AS by_manner, COALESCE(t.kind = 'dns', false) AS is_lookup,
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

CREATE OR REPLACE TEMP TABLE asked AS
SELECT c.context * 8 + d.i AS asker, c.scope = 'proxy' AS egress, c.user_name IS NULL AS is_asked,
       COALESCE(s.before, p.last_spell, 0) AS before, COALESCE(p.last_spell, 0) * $window - $begin_us AS line
FROM contexts AS c
CROSS JOIN RANGE($nth, $last_nth + 1) AS d (i)
LEFT JOIN places AS p ON p.site = c.seen_site AND p.address = c.client
LEFT JOIN stays AS s ON s.place = p.place AND s.day = d.i;

CREATE OR REPLACE TEMP VIEW asking AS
SELECT e.*, c.egress, c.is_asked, c.before, c.line + e.start_us AS moment, c.before AS spell,
       t.vantage_rank * 8 + e.day AS watch, t.host_nth, t.is_lookup
FROM events AS e
JOIN asked AS c ON c.asker = e.context * 8 + e.day
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
WHERE o.tenant = 0;

-- A standing is 4 times what a facet says of context and spell; plus 2 where that is stale, 1 where it is crowded.
CREATE OR REPLACE TEMP TABLE pairs AS
WITH met AS (
  SELECT facet, facet % $aims AS target, facet // $aims % $shifts AS shift, facet // $aims // $shifts AS place_in_time
  FROM (SELECT DISTINCT facet FROM attributed) AS f
),
read AS (
  SELECT m.facet, m.target, m.shift, m.place_in_time, c.context,
         CASE WHEN m.place_in_time % $turns < 2 THEN 0
              ELSE p.last_spell - p.spells + m.place_in_time % $turns // 2 END AS spell
  FROM met AS m
  JOIN contexts AS c ON c.context = m.place_in_time // $turns
  LEFT JOIN places AS p ON p.site = c.seen_site AND p.address = c.client
)
SELECT r.facet, r.target, r.shift // 8 AS day, r.context, r.spell, r.place_in_time % 2 = 1 AS stale, o.context IS NOT NULL AS is_crowded,
       2 * r.place_in_time + CASE WHEN o.context IS NOT NULL THEN 1 ELSE 0 END AS standing
FROM read AS r
LEFT JOIN shared AS o ON o.context = r.context AND o.spell = r.spell AND o.shift = r.shift;

CREATE OR REPLACE TEMP TABLE answers AS
WITH found AS (SELECT DISTINCT standing, context, spell, stale, is_crowded FROM pairs),
known AS (
  SELECT f.standing, f.spell, f.stale, c.* EXCLUDE (told), s.user_name AS lease_user, s.user_origin,
         s.device AS held_device, s.user_confidence * CASE WHEN f.stale THEN $stale ELSE 1.0 END AS lease_confidence,
         s.shared_by IS NOT NULL OR f.is_crowded AS shared,
         -- The log names the device itself: what is known of another one there is beside the point.
         CASE WHEN c.device IS NULL OR s.device IS NULL OR c.device = s.device OR o.user_name IS NOT NULL
              THEN COALESCE(o.user_name, v.owner, s.static_user, s.hint_user) END AS other_user,
         CASE WHEN COALESCE(o.user_name, v.owner) IS NOT NULL THEN 'owner'
              WHEN s.static_user IS NOT NULL THEN 'csv'
              WHEN s.hint_user IS NOT NULL THEN 'hint' END AS other_origin,
         CASE WHEN o.user_name IS NOT NULL THEN o.confidence WHEN v.owner IS NOT NULL THEN v.owner_confidence
              WHEN s.static_user IS NOT NULL THEN s.static_confidence
              ELSE s.hint_confidence END AS other_confidence
  FROM found AS f
  JOIN contexts AS c ON c.context = f.context
  LEFT JOIN said AS s ON s.spell = f.spell
  LEFT JOIN voices AS v ON v.word = s.device_word
  LEFT JOIN owners AS o ON o.by_what = 'device' AND o.thing = c.device
),
weighed AS (
  SELECT *, CASE WHEN user_name IS NOT NULL THEN user_name WHEN shared THEN NULL
                 ELSE COALESCE(lease_user, other_user) END AS person
  FROM known
),
named AS (
  SELECT w.*, d.department, d.site AS home,
         CASE WHEN d.kind IS NOT NULL THEN d.kind
              WHEN w.user_name IS NOT NULL THEN 'log'
              WHEN w.shared THEN 'shared'
              WHEN w.lease_user IS NOT NULL THEN w.user_origin
              WHEN w.other_user IS NOT NULL THEN w.other_origin
              WHEN COALESCE(w.device, w.held_device) IS NOT NULL THEN 'device'
              ELSE 'nobody' END AS attributed_by,
         d.kind IS NULL AND w.person IS NOT NULL AS is_person
  FROM weighed AS w
  LEFT JOIN staff AS d ON d.user_name = w.person
)
SELECT standing, context, spell, stale,
       -- A token of an address is of its site; the address itself, kept at level clear, is another at each.
       COALESCE(person, CASE WHEN NOT shared THEN COALESCE(device, held_device) END,
                CASE WHEN client LIKE '%.%' OR client LIKE '%:%' THEN client || ' at ' || seen_site ELSE client END,
                'unknown') AS subject,
       CASE WHEN is_person THEN 'user' WHEN attributed_by = 'nobody' THEN 'address' ELSE attributed_by END AS subject_kind,
       attributed_by,
       CASE WHEN NOT is_person THEN NULL WHEN user_name IS NOT NULL THEN 1.0
            WHEN lease_user IS NOT NULL THEN lease_confidence ELSE other_confidence END AS confidence,
       CASE WHEN is_person THEN COALESCE(department, 'unattributed') ELSE 'unattributed' END AS department,
       COALESCE(home, seen_site) AS site
FROM named;

CREATE OR REPLACE TEMP TABLE subjects AS
SELECT subject, ROW_NUMBER() OVER (ORDER BY subject) AS subject_nth FROM (SELECT DISTINCT subject FROM answers) AS met;

CREATE OR REPLACE TEMP TABLE manners AS
SELECT *, ROW_NUMBER() OVER (ORDER BY site, department, subject_kind, segment, client_class, attributed_by) AS manner
FROM (
  SELECT DISTINCT t.site, t.department, t.subject_kind, c.segment, c.client_class, t.attributed_by
  FROM answers AS t
  JOIN contexts AS c ON c.context = t.context
) AS met;

CREATE OR REPLACE TEMP TABLE standings AS
WITH sites AS (
  SELECT seen_site, ROW_NUMBER() OVER (ORDER BY seen_site) AS seen_site_nth
  FROM (SELECT DISTINCT seen_site FROM contexts) AS met
)
SELECT t.standing, t.context, t.spell, t.stale, c.scope = 'proxy' AS egress,
       t.attributed_by = 'nobody' AND c.scope = 'external' AS stranger, c.client_class, t.subject_kind, t.confidence,
       p.seen_site_nth, s.subject_nth, m.manner
FROM answers AS t
JOIN contexts AS c ON c.context = t.context
JOIN sites AS p ON p.seen_site = c.seen_site
JOIN subjects AS s ON s.subject = t.subject
JOIN manners AS m
  ON m.site = t.site AND m.department = t.department AND m.subject_kind = t.subject_kind
 AND m.segment IS NOT DISTINCT FROM c.segment AND m.client_class IS NOT DISTINCT FROM c.client_class
 AND m.attributed_by = t.attributed_by;

CREATE OR REPLACE TEMP TABLE bearers AS
SELECT ROW_NUMBER() OVER (ORDER BY b.subject_nth, b.manner) AS bearer, s.*, m.*,
       CASE WHEN m.subject_kind = 'user' THEN s.subject END AS user_name
FROM (SELECT DISTINCT subject_nth, manner FROM standings) AS b
JOIN subjects AS s ON s.subject_nth = b.subject_nth
JOIN manners AS m ON m.manner = b.manner;

CREATE OR REPLACE TEMP TABLE facet_numbers AS
WITH met AS (
  SELECT p.facet, p.day, p.standing, p.target, s.egress, s.seen_site_nth, b.bearer, s.confidence,
         COALESCE(s.client_class = 'program', false) AS program,
         s.stranger AND a.by_manner AS outside, s.subject_kind, (s.subject_nth * 8 + p.day) * 4 + a.outcome_nth AS party,
         a.outcome, a.is_lookup, a.seen_by, a.host_nth, a.app_nth, a.offer
  FROM pairs AS p
  JOIN standings AS s ON s.standing = p.standing
  JOIN bearers AS b ON b.subject_nth = s.subject_nth AND b.manner = s.manner
  JOIN aims AS a ON a.target = p.target
)
SELECT facet, day, standing, target, egress, seen_site_nth, confidence, program, outside, outcome, is_lookup,
       seen_by AS eye, host_nth, app_nth, party, party * 16777216 + app_nth AS service, bearer,
       (bearer * 8 + day) * 33554432 + offer * 2 + CASE WHEN outside THEN 1 ELSE 0 END AS cell,
       CASE WHEN outside THEN 'outside' ELSE subject_kind END AS subject_kind,
       CASE subject_kind WHEN 'user' THEN 0 WHEN 'device' THEN 1 ELSE 2 END AS doubt
FROM met;

CREATE OR REPLACE TEMP VIEW facets AS
SELECT n.facet, n.day AS counted_day, n.service, n.outcome, n.subject_kind, n.confidence, b.subject, b.user_name, b.attributed_by, b.department,
       b.site, c.seen_site, t.app, t.access
FROM facet_numbers AS n
JOIN standings AS s ON s.standing = n.standing
JOIN contexts AS c ON c.context = s.context
JOIN bearers AS b ON b.bearer = n.bearer
JOIN targets AS t ON t.target = n.target
