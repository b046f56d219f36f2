-- Leases in integer codes: address id, statement id, start and end.
--
-- In:  every_leases (with landed_at), every_directory, raw_statements.  Out: addresses, statements, encoded_leases
-- (a view).
-- Statements are numbered by rising confidence. `confidence_rank`, `mac`, `device`, `person` and `device_key` are dense
-- ranks of the values. `device_key` is the MAC, or else the device name; `device_claim` is everything said of the
-- device. `kind` is the priority of the source: 1 VPN, 2 RADIUS, 3 logins and other sources that name a user, 4 DHCP, 5
-- static CSV, 6 hints, 7 hardware addresses seen in packets. Machine and service accounts name no user, because they
-- log in beside the person who works there.
CREATE OR REPLACE TEMP TABLE addresses AS
SELECT site, address, CAST(ROW_NUMBER() OVER () AS BIGINT) AS address_id
FROM (SELECT DISTINCT site, address FROM every_leases WHERE site IS NOT NULL AND address IS NOT NULL) AS held;

CREATE OR REPLACE TEMP TABLE statements AS
WITH robots AS (SELECT DISTINCT user_name FROM every_directory WHERE kind IN ('machine', 'service')),
read AS (
  SELECT s.content_hash, CASE WHEN r.user_name IS NULL THEN s.user_name END AS user_name, s.device AS device_name,
         s.mac AS mac_name, COALESCE(s.origin, 'unknown') AS origin, COALESCE(s.confidence, 0.5) AS confidence,
         COALESCE(s.shared, false) AS shared
  FROM raw_statements AS s
  LEFT JOIN robots AS r ON r.user_name = s.user_name
)
SELECT *,
       DENSE_RANK() OVER (ORDER BY confidence, origin DESC, user_name, device_name, mac_name, shared) AS statement,
       CASE WHEN origin = 'link' THEN 7 WHEN confidence < $hint THEN 6 WHEN origin = 'vpn' THEN 1
            WHEN origin = 'radius' THEN 2 WHEN origin = 'dhcp' THEN 4 WHEN origin = 'csv' THEN 5 ELSE 3 END AS kind,
       DENSE_RANK() OVER (ORDER BY confidence) AS confidence_rank,
       CASE WHEN user_name IS NOT NULL THEN DENSE_RANK() OVER (ORDER BY user_name) END AS person,
       CASE WHEN mac_name IS NOT NULL THEN DENSE_RANK() OVER (ORDER BY mac_name) END AS mac,
       CASE WHEN device_name IS NOT NULL THEN DENSE_RANK() OVER (ORDER BY device_name) END AS device,
       CASE WHEN COALESCE(mac_name, device_name) IS NOT NULL
            THEN DENSE_RANK() OVER (ORDER BY COALESCE(mac_name, device_name)) END AS device_key,
       DENSE_RANK() OVER (ORDER BY mac_name, device_name, origin, confidence) AS device_claim
FROM read;

CREATE OR REPLACE TEMP TABLE raw_statements AS SELECT content_hash, statement FROM statements;

-- Different raw statements may normalise to the same one. Statement 0 is empty.
CREATE OR REPLACE TEMP TABLE statements AS
SELECT DISTINCT * EXCLUDE (content_hash) FROM statements
UNION ALL BY NAME
SELECT CAST(0 AS BIGINT) AS statement;

-- A line of the people file that names no date holds in its whole epoch. One that was written in its place holds from
-- when it was first read: until then, what was read before is taken to have been true.
CREATE OR REPLACE TEMP VIEW encoded_leases AS
WITH dated AS (
  SELECT *, epoch_us(valid_from) AS from_us FROM every_leases WHERE origin IS DISTINCT FROM 'csv'
  UNION ALL
  SELECT *, epoch_us(CASE WHEN landed_at > MIN(landed_at) OVER (PARTITION BY site, address, valid_from)
                          THEN GREATEST(valid_from, landed_at) ELSE valid_from END)
  FROM every_leases
  WHERE origin = 'csv'
)
SELECT CAST(p.address_id AS INTEGER) AS address_id, CAST(s.statement AS INTEGER) AS statement, l.from_us,
       COALESCE(epoch_us(l.valid_to), $forever) AS to_us
FROM dated AS l
JOIN addresses AS p ON p.site = l.site AND p.address = l.address
JOIN raw_statements AS s ON s.content_hash = HASH($salt, l.user_name, l.device, l.mac, l.origin, l.confidence, l.shared)
WHERE l.from_us IS NOT NULL AND (l.valid_to IS NULL OR epoch_us(l.valid_to) > l.from_us)
