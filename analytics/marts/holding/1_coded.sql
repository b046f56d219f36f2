-- Every lease in numbers: whose address it is about, what it says, from when to when.
--
-- In:  every_leases, every_directory.  Out: addresses, words, coded.
-- Most leases say what another one said: that becomes a `word`, looked at once. Words are numbered so that of two
-- the surer has the greater number. `sure`, `mac`, `device`, `person` and `thing` are numbers too, in the order of
-- what they stand for; `thing` is the device by whichever name it has, `about_thing` all that is said about it.
-- Kinds, by what their word is worth: 1 VPN, 2 RADIUS, 3 logins and whatever else names somebody, 4 DHCP,
-- 5 static CSV, 6 hints. Machine and service accounts claim no user: they log in beside the person who sits there.
CREATE OR REPLACE TEMP TABLE addresses AS
SELECT site, address, CAST(ROW_NUMBER() OVER () AS BIGINT) AS place
FROM (SELECT DISTINCT site, address FROM every_leases WHERE site IS NOT NULL AND address IS NOT NULL) AS held;

CREATE OR REPLACE TEMP TABLE words AS
WITH said AS (SELECT DISTINCT user_name, device, mac, origin, confidence, shared FROM every_leases),
robots AS (SELECT DISTINCT user_name FROM every_directory WHERE kind IN ('machine', 'service')),
read AS (
  SELECT s.user_name AS said_user, s.device AS said_device, s.mac AS said_mac, s.origin AS said_origin,
         s.confidence AS said_confidence, s.shared AS said_shared,
         CASE WHEN r.user_name IS NULL THEN s.user_name END AS user_name, s.device AS device_name, s.mac AS mac_name,
         COALESCE(s.origin, 'unknown') AS origin, COALESCE(s.confidence, 0.5) AS confidence,
         COALESCE(s.shared, false) AS shared
  FROM said AS s
  LEFT JOIN robots AS r ON r.user_name = s.user_name
)
SELECT *,
       DENSE_RANK() OVER (ORDER BY confidence, origin DESC, user_name, device_name, mac_name, shared) AS word,
       CASE WHEN confidence < $hint THEN 6 WHEN origin = 'vpn' THEN 1 WHEN origin = 'radius' THEN 2
            WHEN origin = 'dhcp' THEN 4 WHEN origin = 'csv' THEN 5 ELSE 3 END AS kind,
       DENSE_RANK() OVER (ORDER BY confidence) AS sure,
       CASE WHEN user_name IS NOT NULL THEN DENSE_RANK() OVER (ORDER BY user_name) END AS person,
       CASE WHEN mac_name IS NOT NULL THEN DENSE_RANK() OVER (ORDER BY mac_name) END AS mac,
       CASE WHEN device_name IS NOT NULL THEN DENSE_RANK() OVER (ORDER BY device_name) END AS device,
       CASE WHEN COALESCE(mac_name, device_name) IS NOT NULL
            THEN DENSE_RANK() OVER (ORDER BY COALESCE(mac_name, device_name)) END AS thing,
       DENSE_RANK() OVER (ORDER BY mac_name, device_name, origin, confidence) AS about_thing
FROM read;

CREATE OR REPLACE TEMP TABLE coded AS
SELECT p.place, w.word, w.kind, w.sure, w.shared, epoch_us(l.valid_from) AS from_us,
       COALESCE(epoch_us(l.valid_to), $forever) AS to_us
FROM every_leases AS l
JOIN addresses AS p ON p.site = l.site AND p.address = l.address
JOIN words AS w
  ON w.said_user IS NOT DISTINCT FROM l.user_name AND w.said_device IS NOT DISTINCT FROM l.device
 AND w.said_mac IS NOT DISTINCT FROM l.mac AND w.said_origin IS NOT DISTINCT FROM l.origin
 AND w.said_confidence IS NOT DISTINCT FROM l.confidence AND w.said_shared IS NOT DISTINCT FROM l.shared
WHERE l.valid_from IS NOT NULL AND (l.valid_to IS NULL OR l.valid_to > l.valid_from);

-- What the log said is needed no more; several of its words may have become one. Word 0 says nothing.
CREATE OR REPLACE TEMP TABLE words AS
SELECT DISTINCT * EXCLUDE (said_user, said_device, said_mac, said_origin, said_confidence, said_shared) FROM words
UNION ALL BY NAME
SELECT CAST(0 AS BIGINT) AS word
