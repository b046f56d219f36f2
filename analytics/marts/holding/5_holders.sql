-- Who and what held an address when: one line of intervals a place, the best claims in each.
--
-- In:  told, intervals, crowds, vouched.  Out: held.
-- Every edge of an interval begins a new one. Within a slot intervals follow each other as their claims do, so
-- the last code (even: it opens; odd: it ends) is what the slot says; the first slot that says
-- something is believed. While a VPN session has the address nothing else speaks for it. A login that no DHCP
-- lease vouches for grows stale after an hour.
-- Rows of a place follow each other from its first edge to its last, and `nth` counts them without a gap: where
-- nothing is said (not `is_said`) there is a row too.
$into
WITH edges AS (
  SELECT place, slot, from_us AS at_us, 2 * nth AS code FROM intervals WHERE begins
  UNION ALL
  SELECT place, slot, to_us, 2 * nth + 1 FROM intervals WHERE ends
  UNION ALL
  SELECT place, 31, from_us, 2 * nth FROM told WHERE shared
  UNION ALL
  SELECT place, 31, to_us, 2 * nth + 1 FROM told WHERE shared
  UNION ALL
  -- Of two days that meet the one that begins comes last.
  SELECT place, 32, from_us, 2 FROM crowds
  UNION ALL
  SELECT place, 32, to_us, 1 FROM crowds
),
states AS (
  SELECT place, at_us AS from_us, LEAD(at_us) OVER in_turn AS to_us,
         DENSE_RANK() OVER (PARTITION BY place ORDER BY at_us) AS nth,
         $slots
  FROM edges
  WINDOW in_turn AS (PARTITION BY place ORDER BY at_us, code, slot),
         so_far AS (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
chosen AS (
  SELECT place, nth, from_us, to_us, sharers > 0 OR COALESCE(s32 % 2 = 0, false) AS is_shared,
         CASE WHEN sharers > 0 THEN s31 // 2 END AS share_nth,
         COALESCE(s11 % 2 = 0, false) AS taken_over,
         CASE WHEN s11 % 2 = 0 THEN s11 // 2 WHEN s12 % 2 = 0 THEN s12 // 2
              WHEN s13 % 2 = 0 THEN s13 // 2 WHEN s14 % 2 = 0 THEN s14 // 2 END AS user_nth,
         CASE WHEN COALESCE(s11 % 2 = 0, false) THEN NULL WHEN s15 % 2 = 0 THEN s15 // 2 END AS static_nth,
         CASE WHEN COALESCE(s11 % 2 = 0, false) THEN NULL WHEN s16 % 2 = 0 THEN s16 // 2 END AS hint_nth,
         CASE WHEN s21 % 2 = 0 THEN s21 // 2 WHEN s22 % 2 = 0 THEN s22 // 2 WHEN s23 % 2 = 0 THEN s23 // 2
              WHEN s24 % 2 = 0 THEN s24 // 2 WHEN s25 % 2 = 0 THEN s25 // 2 END AS device_nth
  FROM states
  WHERE to_us > from_us
)
SELECT c.place, c.nth, c.from_us, c.to_us,
       c.is_shared OR COALESCE(c.user_nth, c.device_nth, c.static_nth, c.hint_nth) IS NOT NULL AS is_said,
       c.is_shared, c.taken_over, COALESCE(u.word, 0) AS user_word, u.from_us AS user_since_us,
       COALESCE(v.same_device, false) AS same_device,
       CASE WHEN u.kind = 3 AND NOT COALESCE(v.same_device, false) THEN u.from_us + $hour ELSE c.to_us END
         AS stale_from_us,
       COALESCE(d.word, 0) AS device_word, COALESCE(s.word, 0) AS static_word, COALESCE(h.word, 0) AS hint_word,
       COALESCE(x.word, 0) AS share_word
FROM chosen AS c
LEFT JOIN told AS u ON u.place = c.place AND u.nth = c.user_nth
LEFT JOIN vouched AS v ON v.place = c.place AND v.nth = c.user_nth
LEFT JOIN told AS d ON d.place = c.place AND d.nth = c.device_nth
LEFT JOIN told AS s ON s.place = c.place AND s.nth = c.static_nth
LEFT JOIN told AS h ON h.place = c.place AND h.nth = c.hint_nth
LEFT JOIN told AS x ON x.place = c.place AND x.nth = c.share_nth
