-- Every event with its subject: the account, else the device, else the address.
--
-- In:  events, holders, directory (rows valid on the day), sensors.  Out: vantages, attributed.
-- The row's own word comes before a lease's. `vantage_rank` 1 is believed first.
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
  SELECT user_name, department, site,
         ROW_NUMBER() OVER (
           PARTITION BY user_name ORDER BY valid_from DESC NULLS LAST, origin, department, site
         ) AS nth
  FROM directory
),
named AS (
  SELECT e.*, COALESCE(e.user_name, h.user_name) AS person, COALESCE(e.device, h.device) AS machine
  FROM events AS e
  LEFT JOIN holders AS h
    ON h.site = e.seen_site AND h.address = e.client
   AND h.held_from_us <= e.start_us AND (h.held_to_us IS NULL OR h.held_to_us > e.start_us)
)
SELECT n.event_id, n.start_us, n.end_us, n.began_us, n.in_day, v.vantage_rank, n.kind, n.grade,
       n.client_scope = 'proxy' AS egress, n.seen_site, n.segment, n.client_class,
       n.host, n.app, n.access, n.outcome,
       n.flow, n.slice, n.bytes_up, n.bytes_down, n.connections, n.requests, n.lookups,
       COALESCE(n.person, n.machine, n.client, 'unknown') AS subject,
       CASE WHEN n.person IS NOT NULL THEN 'user' WHEN n.machine IS NOT NULL THEN 'device'
            ELSE 'address' END AS subject_kind,
       n.person AS user_name,
       COALESCE(d.department, 'unattributed') AS department,
       COALESCE(d.site, n.seen_site) AS site
FROM named AS n
JOIN vantages AS v ON v.vantage = n.vantage
LEFT JOIN staff AS d ON d.user_name = n.person AND d.nth = 1
