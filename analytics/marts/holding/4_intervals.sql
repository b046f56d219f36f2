-- Each slot's claims as intervals that do not overlap within the slot.
--
-- In:  claims, vouched.  Out: intervals, crowds.
-- A claim ends where a later one of its slot names another holder; the same holder's claims join.
-- `begins` and `ends` mark the edges of what is said, where it is said again. A login said again is news, because
-- it is believed less as it gets old (slot 13).
-- Many users who logged in within an hour of each other, on one device, share it: for that UTC day
-- the address names nobody.
CREATE OR REPLACE TEMP TABLE intervals AS
WITH cut AS (
  SELECT c.place, c.slot, c.nth, c.from_us, c.holder, c.says,
         LEAST(c.to_us, COALESCE(v.until_us, c.to_us)) AS to_us
  FROM claims AS c
  LEFT JOIN vouched AS v ON v.place = c.place AND v.nth = c.nth AND c.slot IN (12, 13, 16)
),
beside AS (
  SELECT *,
         LAG(nth) OVER in_turn IS NOT NULL AND holder IS NOT DISTINCT FROM LAG(holder) OVER in_turn AS same_holder,
         says = LAG(says) OVER in_turn AS same_words,
         LEAD(from_us) OVER in_turn AS next_us
  FROM cut
  WINDOW in_turn AS (PARTITION BY place, slot ORDER BY nth)
),
runs AS (
  SELECT place, slot, nth, from_us, to_us, next_us, same_holder AND same_words AND slot <> 13 AS says_nothing_new,
         SUM(CASE WHEN same_holder THEN 0 ELSE 1 END) OVER so_far AS run,
         LEAD(same_holder AND same_words AND slot <> 13) OVER in_turn AS says_nothing_new_next
  FROM beside
  WINDOW in_turn AS (PARTITION BY place, slot ORDER BY nth),
         so_far AS (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
reached AS (
  SELECT *, MAX(to_us) OVER (PARTITION BY place, slot, run ORDER BY nth
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_us
  FROM runs
)
SELECT place, slot, nth, from_us,
       GREATEST(from_us, LEAST(GREATEST(to_us, until_us), next_us)) AS to_us,
       NOT (says_nothing_new AND COALESCE(until_us >= from_us, false)) AS begins,
       NOT (COALESCE(says_nothing_new_next, false) AND GREATEST(to_us, until_us) >= next_us) AS ends
FROM reached;

CREATE OR REPLACE TEMP TABLE crowds AS
WITH logins AS (
  SELECT c.place, c.holder, c.from_us,
         LEAST(c.to_us, COALESCE(v.until_us, c.to_us), c.from_us + $hour) AS to_us
  FROM claims AS c
  LEFT JOIN vouched AS v ON v.place = c.place AND v.nth = c.nth
  WHERE c.slot = 13
    AND c.place IN (SELECT place FROM claims WHERE slot = 13 GROUP BY place
                    HAVING COUNT(DISTINCT holder) >= $crowd)
),
reached AS (
  SELECT *, MAX(to_us) OVER (PARTITION BY place, holder ORDER BY from_us, to_us
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_us
  FROM logins
  WHERE to_us > from_us
),
steps AS (
  SELECT place, GREATEST(from_us, COALESCE(until_us, from_us)) AS at_us, 1 AS step
  FROM reached WHERE to_us > COALESCE(until_us, from_us)
  UNION ALL
  SELECT place, to_us, -1 FROM reached WHERE to_us > COALESCE(until_us, from_us)
),
together AS (
  SELECT place, at_us, SUM(step) OVER (PARTITION BY place ORDER BY at_us, step
                                       ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS users
  FROM steps
)
SELECT DISTINCT place, at_us - at_us % $day AS from_us, at_us - at_us % $day + $day AS to_us
FROM together
WHERE users >= $crowd
