-- From when to when one device had an address by DHCP, and which user's word ends with that.
--
-- In:  claims.  Out: tenures, vouched.
-- A user who logged in on a device is gone from the address when another device gets it. A login that
-- no tenure covers ends where the next tenure begins, unless that is provably the same device.
CREATE OR REPLACE TEMP TABLE tenures AS
WITH told_again AS (
  SELECT *, LAG(holder) OVER (PARTITION BY place ORDER BY nth) AS before FROM claims WHERE slot = 23
),
numbered AS (
  SELECT *, CAST(SUM(CASE WHEN holder = before THEN 0 ELSE 1 END)
                   OVER (PARTITION BY place ORDER BY nth
                         ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS tenure
  FROM told_again
),
merged AS (
  SELECT place, tenure, MIN(from_us) AS from_us, MAX(to_us) AS to_us, MAX(mac) AS mac, MAX(device) AS device
  FROM numbered
  GROUP BY place, tenure
)
SELECT place, tenure, from_us, mac, device,
       LEAST(to_us, COALESCE(LEAD(from_us) OVER (PARTITION BY place ORDER BY tenure), to_us)) AS to_us
FROM merged;

CREATE OR REPLACE TEMP TABLE vouched AS
WITH line AS (
  SELECT place, from_us AS at_us, 0 AS is_login, tenure, CAST(NULL AS BIGINT) AS nth FROM tenures
  UNION ALL
  SELECT place, from_us, 1, NULL, nth FROM claims WHERE slot IN (12, 13, 16)
),
read AS (
  SELECT place, nth, is_login,
         COALESCE(MAX(tenure) OVER (PARTITION BY place ORDER BY at_us, is_login
                  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0) AS tenure
  FROM line
)
SELECT c.place, c.nth,
       CASE WHEN t.to_us > c.from_us THEN t.to_us
            WHEN n.mac = c.mac OR n.device = c.device THEN n.to_us
            ELSE n.from_us END AS until_us,
       COALESCE(t.to_us > c.from_us OR n.mac = c.mac OR n.device = c.device, false) AS same_device
FROM read AS r
JOIN claims AS c ON c.place = r.place AND c.nth = r.nth AND c.slot IN (12, 13, 16)
LEFT JOIN tenures AS t ON t.place = r.place AND t.tenure = r.tenure
LEFT JOIN tenures AS n ON n.place = r.place AND n.tenure = r.tenure + 1
WHERE r.is_login = 1 AND (t.place IS NOT NULL OR n.place IS NOT NULL)
