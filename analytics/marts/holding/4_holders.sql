-- Who and what held an address when: one line of intervals a place, the best claims in each.
--
-- In:  places, told, intervals, crowds, vouched.  Out: every_holders.
-- Every edge of an interval begins a new one. What a slot says there is its last edge so far, found with
-- a running maximum of numbered edges (odd: it opens); the first slot that says something is believed.
-- While a VPN session has the address nothing else speaks for it. A static word about an address falls
-- silent where another device is known to be there.
CREATE OR REPLACE TEMP TABLE edges AS
WITH sharing AS (
  SELECT place, from_us, to_us, nth FROM told WHERE shared
  UNION ALL
  SELECT place, from_us, to_us, 0 FROM crowds
),
spans AS (
  SELECT place, slot, from_us, to_us, nth FROM intervals
  UNION ALL
  SELECT place, 31, from_us, to_us, nth FROM sharing
),
ends AS (
  SELECT place, slot, from_us AS at_us, 1 AS opens, nth FROM spans
  UNION ALL
  SELECT place, slot, to_us, 0, nth FROM spans
)
SELECT place, slot, at_us, opens, nth,
       2 * ROW_NUMBER() OVER (PARTITION BY place ORDER BY at_us, opens, slot, nth) + opens AS code
FROM ends;

CREATE OR REPLACE TEMP TABLE every_holders AS
WITH states AS (
  SELECT place, at_us AS from_us, LEAD(at_us) OVER (PARTITION BY place ORDER BY code) AS to_us,
         MAX(CASE WHEN slot = 11 THEN code END) OVER so_far AS s11,
         MAX(CASE WHEN slot = 12 THEN code END) OVER so_far AS s12,
         MAX(CASE WHEN slot = 13 THEN code END) OVER so_far AS s13,
         MAX(CASE WHEN slot = 14 THEN code END) OVER so_far AS s14,
         MAX(CASE WHEN slot = 15 THEN code END) OVER so_far AS s15,
         MAX(CASE WHEN slot = 16 THEN code END) OVER so_far AS s16,
         MAX(CASE WHEN slot = 21 THEN code END) OVER so_far AS s21,
         MAX(CASE WHEN slot = 22 THEN code END) OVER so_far AS s22,
         MAX(CASE WHEN slot = 23 THEN code END) OVER so_far AS s23,
         MAX(CASE WHEN slot = 24 THEN code END) OVER so_far AS s24,
         MAX(CASE WHEN slot = 25 THEN code END) OVER so_far AS s25,
         MAX(CASE WHEN slot = 31 AND opens = 1 THEN code END) OVER so_far AS s31,
         SUM(CASE WHEN slot = 31 THEN 2 * opens - 1 ELSE 0 END) OVER so_far AS sharers
  FROM edges
  WINDOW so_far AS (PARTITION BY place ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
chosen AS (
  SELECT place, from_us, to_us, CASE WHEN sharers > 0 THEN s31 END AS share_code,
         COALESCE(s11 % 2 = 1, false) AS taken_over,
         CASE WHEN s11 % 2 = 1 THEN s11 WHEN s12 % 2 = 1 THEN s12
              WHEN s13 % 2 = 1 THEN s13 WHEN s14 % 2 = 1 THEN s14 END AS user_code,
         CASE WHEN COALESCE(s11 % 2 = 1, false) THEN NULL WHEN s15 % 2 = 1 THEN s15 END AS static_code,
         CASE WHEN COALESCE(s11 % 2 = 1, false) THEN NULL WHEN s16 % 2 = 1 THEN s16 END AS hint_code,
         CASE WHEN s21 % 2 = 1 THEN s21 WHEN s22 % 2 = 1 THEN s22 WHEN s23 % 2 = 1 THEN s23
              WHEN s24 % 2 = 1 THEN s24 WHEN s25 % 2 = 1 THEN s25 END AS device_code
  FROM states
  WHERE to_us > from_us
),
said AS (
  SELECT e.place, e.code, e.nth, t.from_us, t.user_name, t.device, t.mac, t.origin, t.class, t.confidence
  FROM edges AS e
  LEFT JOIN told AS t ON t.place = e.place AND t.nth = e.nth
  WHERE e.opens = 1
)
SELECT p.site, p.address, c.from_us, c.to_us, u.user_name, u.origin AS user_origin,
       u.confidence AS user_confidence, u.from_us AS user_since_us,
       u.class = 'login' AND NOT COALESCE(v.same_device, false) AS unvouched,
       d.device, d.mac, d.origin AS device_origin, d.confidence AS device_confidence,
       CASE WHEN s.nth IS NOT NULL AND d.class <> 'csv'
                 AND COALESCE(COALESCE(s.mac <> d.mac, s.device <> d.device), false) THEN NULL
            ELSE s.user_name END AS static_user,
       s.confidence AS static_confidence,
       h.user_name AS hint_user, h.origin AS hint_origin, h.confidence AS hint_confidence,
       CASE WHEN c.share_code IS NOT NULL THEN COALESCE(x.origin, 'recognised') END AS shared_by,
       COALESCE(CASE WHEN c.taken_over THEN u.user_name END, d.mac, d.device, '') AS tenant
FROM chosen AS c
JOIN places AS p ON p.place = c.place
LEFT JOIN said AS u ON u.place = c.place AND u.code = c.user_code
LEFT JOIN vouched AS v ON v.place = u.place AND v.nth = u.nth
LEFT JOIN said AS d ON d.place = c.place AND d.code = c.device_code
LEFT JOIN said AS s ON s.place = c.place AND s.code = c.static_code
LEFT JOIN said AS h ON h.place = c.place AND h.code = c.hint_code
LEFT JOIN said AS x ON x.place = c.place AND x.code = c.share_code
WHERE COALESCE(c.user_code, c.device_code, c.static_code, c.hint_code, c.share_code) IS NOT NULL
