-- Every event with its subject: the account, else the device, else the address.
--
-- In:  events, spells, held, crowded, directory (rows valid on the day), sensors.  Out: vantages, attributed.
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
WITH staff AS (
  SELECT user_name,
         MAX(CASE WHEN nth = 1 THEN department END) AS department,
         MAX(CASE WHEN nth = 1 THEN site END) AS site,
         MAX(CASE WHEN kind IN ('machine', 'service') THEN kind END) AS kind
  FROM (
    SELECT *, ROW_NUMBER() OVER (
      PARTITION BY user_name
      ORDER BY CASE WHEN device IS NULL AND mac IS NULL THEN 0 ELSE 1 END,
               CASE WHEN department IS NULL THEN 1 ELSE 0 END,
               valid_from DESC NULLS LAST, origin, department, site
    ) AS nth
    FROM directory
  ) AS ranked
  GROUP BY user_name
),
-- A device that two people are said to own says nothing about either.
owned AS (
  SELECT device, mac, user_name, COALESCE(confidence, 0.9) AS confidence
  FROM directory
  WHERE user_name IS NOT NULL AND COALESCE(kind, 'person') NOT IN ('machine', 'service')
),
owners AS (
  SELECT 'device' AS by_what, device AS thing, MAX(user_name) AS user_name, MAX(confidence) AS confidence
  FROM owned WHERE device IS NOT NULL
  GROUP BY device HAVING COUNT(DISTINCT user_name) = 1
  UNION ALL
  SELECT 'mac', mac, MAX(user_name), MAX(confidence)
  FROM owned WHERE mac IS NOT NULL
  GROUP BY mac HAVING COUNT(DISTINCT user_name) = 1
),
known AS (
  SELECT e.*, a.kind AS account_kind, s.user_name AS lease_user, s.user_origin, s.user_confidence,
         s.unvouched AND e.start_us > s.user_since_us + 3600000000 AS stale,
         COALESCE(e.device, s.device) AS machine,
         CASE WHEN e.device IS NULL OR e.device = s.device THEN s.mac END AS mac,
         CASE WHEN e.device IS NULL THEN s.device_confidence ELSE 1.0 END AS machine_confidence,
         s.static_user, s.static_confidence, s.hint_user, s.hint_origin, s.hint_confidence,
         s.shared_by IS NOT NULL OR c.client IS NOT NULL AS shared
  FROM events AS e
  LEFT JOIN held AS h ON h.event_id = e.event_id
  LEFT JOIN spells AS s ON s.spell = h.spell
  LEFT JOIN crowded AS c
    ON c.seen_site = e.seen_site AND c.client = e.client AND c.tenant = COALESCE(s.tenant, '')
   AND c.day = e.start_us // 86400000000
  LEFT JOIN staff AS a ON a.user_name = e.user_name
),
owned_by AS (
  SELECT k.*, COALESCE(d.user_name, m.user_name) AS owner,
         machine_confidence * COALESCE(d.confidence, m.confidence) AS owner_confidence
  FROM known AS k
  LEFT JOIN owners AS d ON d.by_what = 'device' AND d.thing = k.machine
  LEFT JOIN owners AS m ON m.by_what = 'mac' AND m.thing = k.mac
),
believed AS (
  SELECT *,
         CASE WHEN account_kind IS NOT NULL THEN account_kind
              WHEN user_name IS NOT NULL THEN 'log'
              WHEN shared THEN 'shared'
              WHEN lease_user IS NOT NULL THEN user_origin
              WHEN owner IS NOT NULL THEN 'owner'
              WHEN static_user IS NOT NULL THEN 'csv'
              WHEN hint_user IS NOT NULL THEN 'hint'
              WHEN machine IS NOT NULL THEN 'device'
              ELSE 'nobody' END AS attributed_by
  FROM owned_by
),
named AS (
  SELECT *,
         CASE WHEN attributed_by IN ('machine', 'service', 'shared', 'device', 'nobody') THEN NULL
              ELSE COALESCE(user_name, lease_user, owner, static_user, hint_user) END AS person,
         CASE WHEN attributed_by IN ('machine', 'service', 'shared', 'device', 'nobody') THEN NULL
              WHEN user_name IS NOT NULL THEN 1.0
              WHEN lease_user IS NOT NULL
                THEN user_confidence * CASE WHEN stale THEN $stale ELSE 1.0 END
              WHEN owner IS NOT NULL THEN owner_confidence
              WHEN static_user IS NOT NULL THEN static_confidence
              ELSE hint_confidence END AS person_confidence
  FROM believed
)
SELECT n.event_id, n.start_us, n.end_us, n.began_us, n.in_day, v.vantage_rank, n.kind, n.grade,
       n.client_scope = 'proxy' AS egress, n.seen_site, n.host, n.app, n.access, n.outcome,
       n.flow, n.slice, n.bytes_up, n.bytes_down, n.connections, n.requests, n.lookups,
       COALESCE(n.person, n.user_name, CASE WHEN NOT n.shared THEN n.machine END, n.client, 'unknown')
         AS subject,
       CASE WHEN n.person IS NOT NULL THEN 'user'
            WHEN n.attributed_by IN ('machine', 'service', 'shared', 'device') THEN n.attributed_by
            ELSE 'address' END AS subject_kind,
       n.person AS user_name, n.attributed_by, n.person_confidence AS confidence,
       COALESCE(d.department, 'unattributed') AS department,
       COALESCE(d.site, n.seen_site) AS site
FROM named AS n
JOIN vantages AS v ON v.vantage = n.vantage
LEFT JOIN staff AS d ON d.user_name = n.person
