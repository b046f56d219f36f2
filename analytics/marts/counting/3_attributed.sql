-- Every event with its subject: the account, else the device, else the address.
--
-- In:  events, staff, owners, places, spells, crowded, sensors.  Out: vantages, attributed.
-- What is believed, in this order: the account the log itself names; the user of a lease; the owner of
-- the device; the static word; a hint. A shared address speaks for nobody, machine and service accounts
-- are no persons: what they do is theirs. `attributed_by` is the origin of the word that was believed,
-- or why there is none. A login that no DHCP lease vouches for is believed less after an hour.
-- `vantage_rank` 1 is believed first.
CREATE OR REPLACE TEMP TABLE vantages AS
WITH ranked AS (
  SELECT e.vantage, MIN(s.rank) AS rank
  FROM (SELECT DISTINCT vantage FROM events) AS e
  LEFT JOIN sensors AS s ON s.vantage = e.vantage
  GROUP BY e.vantage
)
SELECT vantage, ROW_NUMBER() OVER (ORDER BY COALESCE(rank, 1000), vantage) AS vantage_rank FROM ranked;

CREATE OR REPLACE TEMP TABLE attributed AS
WITH known AS (
  SELECT e.*, s.lease_user, s.user_origin, s.device AS held_device, w.account AS own_account,
         s.lease_account, COALESCE(o.account, s.other_account) AS other_account,
         s.user_confidence * CASE WHEN e.start_us >= s.stale_from_us THEN $stale ELSE 1.0 END AS lease_confidence,
         s.shared_by IS NOT NULL OR c.client IS NOT NULL AS shared,
         -- The log names the device itself: what is known of another one there is beside the point.
         CASE WHEN e.device IS NULL OR s.device IS NULL OR e.device = s.device OR o.user_name IS NOT NULL
              THEN COALESCE(o.user_name, s.other_user) END AS other_user,
         CASE WHEN o.user_name IS NOT NULL THEN 'owner' ELSE s.other_origin END AS other_origin,
         CASE WHEN o.user_name IS NOT NULL THEN o.confidence ELSE s.other_confidence END AS other_confidence
  FROM events AS e
  LEFT JOIN places AS p ON p.site = e.seen_site AND p.address = e.client
  LEFT JOIN spells AS s
    ON s.place = p.place AND s.bucket = (e.start_us - p.from_us) // p.width_us
   AND s.from_us <= e.start_us AND s.to_us > e.start_us
  LEFT JOIN crowded AS c
    ON c.seen_site = e.seen_site AND c.client = e.client AND c.tenant = COALESCE(s.tenant, '')
   AND c.day = e.start_us // 86400000000
  LEFT JOIN owners AS o ON o.by_what = 'device' AND o.thing = e.device
  LEFT JOIN staff AS w ON w.user_name = e.user_name
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
SELECT n.event_id, n.start_us, n.end_us, n.began_us, n.in_day, v.vantage_rank, n.kind, n.grade,
       n.client_scope = 'proxy' AS egress, n.seen_site, n.segment, n.client_class,
       n.host, n.app, n.access, n.outcome,
       n.flow, n.slice, n.bytes_up, n.bytes_down, n.connections, n.requests, n.lookups,
       COALESCE(n.person, CASE WHEN NOT n.shared THEN COALESCE(n.device, n.held_device) END, n.client,
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
JOIN vantages AS v ON v.vantage = n.vantage
