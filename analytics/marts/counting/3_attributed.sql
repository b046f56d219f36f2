-- Every event with its subject: the account, else the device, else the address.
--
-- In:  contexts, events, staff, owners, places, spells, buckets, crowded, sensors.  Out: attributed, facets.
-- What is believed, in this order: the account the log itself names; the user of a lease; the owner of
-- the device; the static word; a hint. A shared address speaks for nobody, machine and service accounts
-- are no persons: what they do is theirs, and who comes from outside to a server of ours is none of our people. `attributed_by` is the origin of the word that was believed,
-- or why there is none. A login that no DHCP lease vouches for is believed less after an hour.
-- `vantage_rank` 1 is believed first.
--
-- What follows for an event hangs on its context, the spell it fell into, whether that had grown stale and
-- whether the address was crowded: these four together are its `facet`, and everything is said once a facet.
-- Facets carry numbers for what the count groups by: `party` (a subject under an outcome), `service` (a party
-- and an app), `host_nth` (0: unknown), `eye` (a vantage and kind), `cell` (a row of usage_hourly but for hour
-- and grade, in the order of its columns).
CREATE OR REPLACE TEMP TABLE attributed AS
WITH asked AS (
  -- The account that the log names is believed before any lease.
  SELECT c.context, p.place, p.from_us, p.width_us
  FROM contexts AS c
  LEFT JOIN places AS p ON p.site = c.seen_site AND p.address = c.client AND c.user_name IS NULL
),
shared AS (
  SELECT c.context, s.spell, o.day
  FROM crowded AS o
  JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
  JOIN places AS p ON p.site = o.seen_site AND p.address = o.client
  JOIN spells AS s ON s.place = p.place AND s.tenant = o.tenant
  UNION ALL
  SELECT c.context, 0, o.day
  FROM crowded AS o
  JOIN contexts AS c ON c.seen_site = o.seen_site AND c.client = o.client AND c.user_name IS NULL
  WHERE o.tenant = ''
)
SELECT e.* EXCLUDE (context),
       e.context * 4294967296 + COALESCE(s.spell, 0) * 4
         + CASE WHEN e.start_us >= s.stale_from_us THEN 2 ELSE 0 END
         + CASE WHEN o.context IS NOT NULL THEN 1 ELSE 0 END AS facet
FROM events AS e
JOIN asked AS a ON a.context = e.context
LEFT JOIN buckets AS s
  ON s.place = a.place AND s.bucket = (e.start_us - a.from_us) // a.width_us
 AND s.from_us <= e.start_us AND s.to_us > e.start_us
LEFT JOIN shared AS o
  ON o.context = e.context AND o.spell = COALESCE(s.spell, 0) AND o.day = e.start_us // 86400000000;

CREATE OR REPLACE TEMP TABLE vantages AS
WITH ranked AS (
  SELECT e.vantage, MIN(s.rank) AS rank
  FROM (SELECT DISTINCT eye AS vantage FROM contexts) AS e
  LEFT JOIN sensors AS s ON s.vantage = e.vantage
  GROUP BY e.vantage
)
SELECT vantage, ROW_NUMBER() OVER (ORDER BY COALESCE(rank, 1000), vantage) AS vantage_rank FROM ranked;

CREATE OR REPLACE TEMP TABLE explained AS
WITH found AS (
  SELECT facet, facet // 4294967296 AS context, facet % 4294967296 // 4 AS spell, facet % 4 >= 2 AS stale,
         facet % 2 = 1 AS is_crowded
  FROM (SELECT DISTINCT facet FROM attributed) AS f
),
known AS (
  SELECT f.facet, c.*, s.lease_user, s.user_origin, s.device AS held_device, w.account AS own_account,
         s.lease_account, COALESCE(o.account, s.other_account) AS other_account,
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
)
SELECT n.facet, n.context, n.eye AS vantage, n.kind, n.scope = 'proxy' AS egress, n.seen_site, n.segment,
       n.client_class, n.host, n.app, n.access, n.outcome,
       -- A token of an address is of its site; the address itself, kept at level clear, is another at each.
       COALESCE(n.person, CASE WHEN NOT n.shared THEN COALESCE(n.device, n.held_device) END,
                CASE WHEN n.client LIKE '%.%' OR n.client LIKE '%:%' THEN n.client || ' at ' || n.seen_site
                     ELSE n.client END,
                'unknown') AS subject,
       CASE WHEN n.is_person THEN 'user'
            WHEN n.attributed_by = 'nobody' AND n.scope = 'external' AND n.app LIKE 'behaviours/%' THEN 'outside'
            WHEN n.attributed_by = 'nobody' THEN 'address'
            ELSE n.attributed_by END AS subject_kind,
       CASE WHEN n.is_person THEN n.person END AS user_name,
       n.attributed_by,
       CASE WHEN NOT n.is_person THEN NULL WHEN n.user_name IS NOT NULL THEN 1.0
            WHEN n.lease_user IS NOT NULL THEN n.lease_confidence ELSE n.other_confidence END AS confidence,
       CASE WHEN n.is_person THEN COALESCE(n.department, 'unattributed') ELSE 'unattributed' END AS department,
       COALESCE(n.home, n.seen_site) AS site
FROM named AS n;

CREATE OR REPLACE TEMP TABLE cells AS
SELECT ROW_NUMBER() OVER (
         ORDER BY subject, app, access, site, department, subject_kind, segment, client_class, attributed_by, user_name
       ) AS cell, *
FROM (
  SELECT DISTINCT subject, subject_kind, user_name, department, site, segment, app, access, client_class, attributed_by
  FROM explained WHERE outcome = 'use'
) AS used;

CREATE OR REPLACE TEMP TABLE facets AS
WITH subjects AS (SELECT subject, ROW_NUMBER() OVER () AS nth FROM (SELECT DISTINCT subject FROM explained) AS s),
apps AS (SELECT app, ROW_NUMBER() OVER () AS nth FROM (SELECT DISTINCT app FROM explained) AS a),
hosts AS (SELECT host, ROW_NUMBER() OVER () AS nth FROM (SELECT DISTINCT host FROM explained WHERE host IS NOT NULL) AS h),
kinds AS (SELECT kind, ROW_NUMBER() OVER () AS nth FROM (SELECT DISTINCT kind FROM explained) AS k),
numbered AS (
  SELECT t.*, v.vantage_rank, v.vantage_rank * 1024 + k.nth AS eye, COALESCE(h.nth, 0) AS host_nth,
         s.nth * 4 + CASE t.outcome WHEN 'use' THEN 0 WHEN 'blocked' THEN 1 ELSE 2 END AS party, a.nth AS app_nth
  FROM explained AS t
  JOIN vantages AS v ON v.vantage = t.vantage
  JOIN subjects AS s ON s.subject = t.subject
  JOIN apps AS a ON a.app = t.app
  JOIN kinds AS k ON k.kind IS NOT DISTINCT FROM t.kind
  LEFT JOIN hosts AS h ON h.host = t.host
)
SELECT n.*, n.party * 16777216 + n.app_nth AS service, c.cell,
       COALESCE(n.kind = 'dns', false) AS is_lookup,
       CASE n.subject_kind WHEN 'user' THEN 0 WHEN 'device' THEN 1 ELSE 2 END AS doubt
FROM numbered AS n
LEFT JOIN cells AS c
  ON n.outcome = 'use' AND c.subject = n.subject AND c.subject_kind = n.subject_kind
 AND c.user_name IS NOT DISTINCT FROM n.user_name AND c.department = n.department AND c.site = n.site
 AND c.segment IS NOT DISTINCT FROM n.segment AND c.app = n.app AND c.access IS NOT DISTINCT FROM n.access
 AND c.client_class IS NOT DISTINCT FROM n.client_class AND c.attributed_by = n.attributed_by
