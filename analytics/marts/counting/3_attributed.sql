-- Every event with its subject: the account, else the device, else the address.
--
-- In:  contexts, targets, vantages, events, staff, owners, places, spells, buckets, crowded.
-- Out: attributed, facet_numbers, facets (a view), standings, aims (targets in numbers).
-- What is believed, in this order: the account the log itself names; the user of a lease; the owner of
-- the device; the static word; a hint. A shared address speaks for nobody, machine and service accounts
-- are no persons: what they do is theirs, and who comes from outside to a server of ours is none of our people.
-- `attributed_by` is the origin of the word that was believed, or why there is none. A login that no DHCP lease
-- vouches for is believed less after an hour.
--
-- Who was behind an event hangs on its context, the spell it fell into, whether that had grown stale and whether
-- the address was crowded: these four together are its `standing`, and with the target its `facet`. Everything
-- is said once a standing or target; facets are numbers: `party` (a subject under an outcome), `service` (a party
-- and an app), `host_nth` (0: unknown), `eye` (a vantage and kind), `cell` (a row of usage_hourly but for hour and
-- grade: bearer, offer, and whether somebody from outside). `facets` is what they stand for.
CREATE OR REPLACE TEMP TABLE shared AS
SELECT c.context, s.spell, o.day
FROM crowded AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
JOIN places AS p ON p.site = o.seen_site AND p.address = o.client
JOIN spells AS s ON s.place = p.place AND s.tenant = o.tenant
UNION ALL
SELECT c.context, 0, o.day
FROM crowded AS o
JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
WHERE o.tenant = '';

CREATE OR REPLACE TEMP TABLE placed AS
WITH asked AS (
  -- The account that the log names is believed before any lease.
  SELECT c.context, p.place, p.from_us, p.width_us
  FROM contexts AS c
  LEFT JOIN places AS p ON p.site = c.seen_site AND p.address = c.client AND c.user_name IS NULL
)
SELECT e.* EXCLUDE (context),
       e.context * 4294967296 + COALESCE(s.spell, 0) * 4
         + CASE WHEN e.start_us >= s.stale_from_us THEN 2 ELSE 0 END
         + CASE WHEN o.context IS NOT NULL THEN 1 ELSE 0 END AS standing
FROM events AS e
JOIN asked AS a ON a.context = e.context
LEFT JOIN buckets AS s
  ON s.place = a.place AND s.bucket = (e.start_us - a.from_us) // a.width_us
 AND s.from_us <= e.start_us AND s.to_us > e.start_us
LEFT JOIN shared AS o
  ON o.context = e.context AND o.spell = COALESCE(s.spell, 0) AND o.day = e.start_us // 86400000000;

CREATE OR REPLACE TEMP TABLE pairs AS
SELECT ROW_NUMBER() OVER () AS facet, standing, target FROM (SELECT DISTINCT standing, target FROM placed) AS met;

CREATE OR REPLACE TEMP TABLE standings AS
WITH found AS (
  SELECT standing, standing // 4294967296 AS context, standing % 4294967296 // 4 AS spell, standing % 4 >= 2 AS stale,
         standing % 2 = 1 AS is_crowded
  FROM (SELECT DISTINCT standing FROM pairs) AS f
),
known AS (
  SELECT f.standing, f.spell, f.stale, c.* EXCLUDE (told), s.lease_user, s.user_origin, s.device AS held_device,
         w.account AS own_account, s.lease_account, COALESCE(o.account, s.other_account) AS other_account,
         s.user_confidence * CASE WHEN f.stale THEN $stale ELSE 1.0 END AS lease_confidence,
         s.shared_by IS NOT NULL OR f.is_crowded AS shared,
         -- The log names the device itself: what is known of another one there is beside the point.
         CASE WHEN c.device IS NULL OR s.device IS NULL OR c.device = s.device OR o.user_name IS NOT NULL
              THEN COALESCE(o.user_name, s.other_user) END AS other_user,
         CASE WHEN o.user_name IS NOT NULL THEN 'owner' ELSE s.other_origin END AS other_origin,
         CASE WHEN o.user_name IS NOT NULL THEN o.confidence ELSE s.other_confidence END AS other_confidence
  FROM found AS f
  JOIN contexts AS c ON c.context = f.context
  LEFT JOIN spells AS s ON s.spell = f.spell
  LEFT JOIN owners AS o ON o.by_what = 'device' AND o.thing = c.device
  LEFT JOIN staff AS w ON w.user_name = c.user_name
),
weighed AS (
  SELECT *,
         CASE WHEN user_name IS NOT NULL THEN user_name WHEN shared THEN NULL
              ELSE COALESCE(lease_user, other_user) END AS person,
         CASE WHEN user_name IS NOT NULL THEN own_account WHEN shared THEN NULL
              WHEN lease_user IS NOT NULL THEN lease_account
              WHEN other_user IS NOT NULL THEN other_account END AS account
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
  LEFT JOIN staff AS d ON d.account = w.account
),
told AS (
  SELECT n.standing, n.context, n.spell, n.stale, n.scope = 'proxy' AS egress,
         n.attributed_by = 'nobody' AND n.scope = 'external' AS stranger, n.seen_site, n.segment, n.client_class,
         -- A token of an address is of its site; the address itself, kept at level clear, is another at each.
         COALESCE(n.person, CASE WHEN NOT n.shared THEN COALESCE(n.device, n.held_device) END,
                  CASE WHEN n.client LIKE '%.%' OR n.client LIKE '%:%' THEN n.client || ' at ' || n.seen_site
                       ELSE n.client END,
                  'unknown') AS subject,
         CASE WHEN n.is_person THEN 'user' WHEN n.attributed_by = 'nobody' THEN 'address'
              ELSE n.attributed_by END AS subject_kind,
         CASE WHEN n.is_person THEN n.person END AS user_name,
         n.attributed_by,
         CASE WHEN NOT n.is_person THEN NULL WHEN n.user_name IS NOT NULL THEN 1.0
              WHEN n.lease_user IS NOT NULL THEN n.lease_confidence ELSE n.other_confidence END AS confidence,
         CASE WHEN n.is_person THEN COALESCE(n.department, 'unattributed') ELSE 'unattributed' END AS department,
         COALESCE(n.home, n.seen_site) AS site
  FROM named AS n
)
SELECT *, DENSE_RANK() OVER (ORDER BY seen_site) AS seen_site_nth, DENSE_RANK() OVER (ORDER BY subject) AS subject_nth,
       DENSE_RANK() OVER (ORDER BY subject, site, department, subject_kind, segment, client_class, attributed_by,
                                   user_name) AS bearer
FROM told;

CREATE OR REPLACE TEMP TABLE aims AS
SELECT t.target, v.vantage_rank, t.outcome, t.app, t.app LIKE 'behaviours/%' AS by_manner,
       COALESCE(t.kind = 'dns', false) AS is_lookup,
       v.vantage_rank * 1024 + DENSE_RANK() OVER (ORDER BY t.kind) AS eye,
       CASE WHEN t.host IS NULL THEN 0 ELSE DENSE_RANK() OVER (ORDER BY t.host) END AS host_nth,
       DENSE_RANK() OVER (ORDER BY t.app) AS app_nth, DENSE_RANK() OVER (ORDER BY t.app, t.access) AS offer,
       CASE t.outcome WHEN 'use' THEN 0 WHEN 'blocked' THEN 1 ELSE 2 END AS outcome_nth
FROM targets AS t
JOIN vantages AS v ON v.vantage = t.eye;

CREATE OR REPLACE TEMP TABLE facet_numbers AS
WITH met AS (
  SELECT p.facet, p.standing, p.target, s.egress, s.seen_site_nth, s.bearer, s.confidence,
         COALESCE(s.client_class = 'program', false) AS program,
         s.stranger AND a.by_manner AS outside, s.subject_kind, s.subject_nth * 4 + a.outcome_nth AS party,
         a.vantage_rank, a.outcome, a.is_lookup, a.eye, a.host_nth, a.app_nth, a.offer
  FROM pairs AS p
  JOIN standings AS s ON s.standing = p.standing
  JOIN aims AS a ON a.target = p.target
)
SELECT facet, standing, target, egress, seen_site_nth, confidence, program, outside, outcome, vantage_rank, is_lookup, eye,
       host_nth, app_nth, party, party * 16777216 + app_nth AS service,
       bearer * 33554432 + offer * 2 + CASE WHEN outside THEN 1 ELSE 0 END AS cell,
       CASE WHEN outside THEN 'outside' ELSE subject_kind END AS subject_kind,
       CASE subject_kind WHEN 'user' THEN 0 WHEN 'device' THEN 1 ELSE 2 END AS doubt
FROM met;

CREATE OR REPLACE TEMP VIEW facets AS
SELECT n.facet, n.service, n.outcome, n.subject_kind, n.confidence, s.subject, s.user_name, s.attributed_by, s.department,
       s.site, s.seen_site, t.app, t.access
FROM facet_numbers AS n
JOIN standings AS s ON s.standing = n.standing
JOIN targets AS t ON t.target = n.target;

CREATE OR REPLACE TEMP TABLE attributed AS
SELECT e.* EXCLUDE (standing, target), f.facet, f.vantage_rank, f.service, f.host_nth, f.doubt, f.is_lookup, f.egress
FROM placed AS e
JOIN facet_numbers AS f ON f.standing = e.standing AND f.target = e.target
