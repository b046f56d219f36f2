-- Every lease in numbers: whose address it is about, what it says, from when to when.
--
-- In:  every_leases, every_directory, phrases.  Out: addresses, words, coded (a view).
-- Phrases become a `word` each. Words are numbered so that of two the surer has the greater number. `sure`, `mac`,
-- `device`, `person` and `thing` are numbers too, in the order of what they stand for; `thing` is the device by
-- whichever name it has, `about_thing` all that is said about it. Kinds, by what their word is worth: 1 VPN,
-- 2 RADIUS, 3 logins and whatever else names somebody, 4 DHCP, 5 static CSV, 6 hints. Machine and service accounts
-- claim no user: they log in beside the person who sits there.
CREATE OR REPLACE TEMP TABLE addresses AS
SELECT site, address, CAST(ROW_NUMBER() OVER () AS BIGINT) AS place
FROM (SELECT DISTINCT site, address FROM every_leases WHERE site IS NOT NULL AND address IS NOT NULL) AS held;

CREATE OR REPLACE TEMP TABLE words AS
WITH robots AS (SELECT DISTINCT user_name FROM every_directory WHERE kind IN ('machine', 'service')),
read AS (
  SELECT s.told, CASE WHEN r.user_name IS NULL THEN s.user_name END AS user_name, s.device AS device_name,
         s.mac AS mac_name, COALESCE(s.origin, 'unknown') AS origin, COALESCE(s.confidence, 0.5) AS confidence,
         COALESCE(s.shared, false) AS shared
  FROM phrases AS s
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

CREATE OR REPLACE TEMP TABLE phrases AS SELECT told, word FROM words;

-- Several phrases may have become one word. Word 0 says nothing.
CREATE OR REPLACE TEMP TABLE words AS
SELECT DISTINCT * EXCLUDE (told) FROM words
UNION ALL BY NAME
SELECT CAST(0 AS BIGINT) AS word;

CREATE OR REPLACE TEMP VIEW coded AS
SELECT CAST(p.place AS INTEGER) AS place, CAST(s.word AS INTEGER) AS word, epoch_us(l.valid_from) AS from_us, COALESCE(epoch_us(l.valid_to), $forever) AS to_us
FROM every_leases AS l
JOIN addresses AS p ON p.site = l.site AND p.address = l.address
JOIN phrases AS s ON s.told = HASH($salt, l.user_name, l.device, l.mac, l.origin, l.confidence, l.shared)
WHERE l.valid_from IS NOT NULL AND (l.valid_to IS NULL OR l.valid_to > l.valid_from)
