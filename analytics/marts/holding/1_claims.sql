-- What each lease claims: a user, a device, or that many share the address.
--
-- In:  every_leases (the addresses of this part), every_directory.  Out: places, told, claims.
-- Times become microseconds, addresses of a site become numbers, so that what follows sorts numbers.
-- `nth` orders the leases of a place; of two that begin at once the surer comes last, and wins.
-- Slots say how much a claim is worth (the smaller number wins). Users: 11 VPN, 12 RADIUS, 13 logins and
-- whatever else names one, 14 DHCP, 15 static CSV, 16 hints. Devices: 21 VPN, 22 RADIUS, 23 DHCP,
-- 24 others, 25 static CSV. A VPN session takes the address over: it claims both even where it names one.
-- Machine and service accounts claim no user: they log in beside the person who sits there.
CREATE OR REPLACE TEMP TABLE places AS
SELECT site, address, CAST(ROW_NUMBER() OVER (ORDER BY site, address) AS BIGINT) AS place
FROM (
  SELECT DISTINCT site, address FROM every_leases
  WHERE site IS NOT NULL AND address IS NOT NULL AND valid_from IS NOT NULL AND $part
) AS held;

CREATE OR REPLACE TEMP TABLE told AS
WITH robots AS (SELECT DISTINCT user_name FROM every_directory WHERE kind IN ('machine', 'service')),
timed AS (
  SELECT p.place, epoch_us(l.valid_from) AS from_us, COALESCE(epoch_us(l.valid_to), $forever) AS to_us,
         CASE WHEN r.user_name IS NULL THEN l.user_name END AS user_name,
         l.device, l.mac, COALESCE(l.origin, 'unknown') AS origin,
         COALESCE(l.confidence, 0.5) AS confidence, COALESCE(l.shared, false) AS shared
  FROM (SELECT * FROM every_leases WHERE $part) AS l
  JOIN places AS p ON p.site = l.site AND p.address = l.address
  LEFT JOIN robots AS r ON r.user_name = l.user_name
  WHERE l.valid_from IS NOT NULL AND (l.valid_to IS NULL OR l.valid_to > l.valid_from)
)
SELECT *,
       CASE WHEN confidence < $hint THEN 'hint'
            WHEN origin IN ('vpn', 'radius', 'dhcp', 'csv') THEN origin ELSE 'login' END AS class,
       CAST(ROW_NUMBER() OVER (
         PARTITION BY place ORDER BY from_us, confidence, to_us, origin DESC, user_name, device, mac, shared
       ) AS BIGINT) AS nth
FROM timed;

CREATE OR REPLACE TEMP TABLE claims AS
SELECT place, nth, from_us, to_us, user_name AS holder, mac, device, origin, confidence,
       CASE class WHEN 'vpn' THEN 11 WHEN 'radius' THEN 12 WHEN 'login' THEN 13 WHEN 'dhcp' THEN 14
                  WHEN 'csv' THEN 15 ELSE 16 END AS slot
FROM told
WHERE NOT shared AND (user_name IS NOT NULL OR class = 'vpn')
UNION ALL
SELECT place, nth, from_us, to_us, COALESCE(mac, device), mac, device, origin, confidence,
       CASE class WHEN 'vpn' THEN 21 WHEN 'radius' THEN 22 WHEN 'dhcp' THEN 23 WHEN 'csv' THEN 25 ELSE 24 END
FROM told
WHERE NOT shared AND (device IS NOT NULL OR mac IS NOT NULL OR class = 'vpn') AND class <> 'hint'
