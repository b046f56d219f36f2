-- Each slot's claims as intervals that do not overlap within the slot.
--
-- In:  claims, told, vouched.  Out: intervals, crowds.
-- A claim ends where a later one of its slot names another holder; the same holder's claims join.
-- Many users who logged in within an hour of each other, on one device, share it: for that UTC day
-- the address names nobody.
CREATE OR REPLACE TEMP TABLE intervals AS
WITH cut AS (
  SELECT c.place, c.slot, c.nth, c.from_us, c.holder,
         LEAST(c.to_us, COALESCE(v.until_us, c.to_us)) AS to_us
  FROM claims AS c
  LEFT JOIN vouched AS v ON v.place = c.place AND v.nth = c.nth AND c.slot IN (12, 13, 16)
),
beside AS (
  SELECT *,
         LAG(holder) OVER (PARTITION BY place, slot ORDER BY nth) AS before,
         LAG(nth) OVER (PARTITION BY place, slot ORDER BY nth) AS before_nth,
         LEAD(from_us) OVER (PARTITION BY place, slot ORDER BY nth) AS next_us
  FROM cut
),
runs AS (
  SELECT *, SUM(CASE WHEN before_nth IS NOT NULL AND holder IS NOT DISTINCT FROM before THEN 0 ELSE 1 END)
              OVER (PARTITION BY place, slot ORDER BY nth
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM beside
),
reached AS (
  SELECT place, slot, nth, from_us, next_us,
         MAX(to_us) OVER (PARTITION BY place, slot, run ORDER BY nth
                          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS to_us
  FROM runs
)
SELECT place, slot, nth, from_us, LEAST(to_us, COALESCE(next_us, to_us)) AS to_us
FROM reached
WHERE LEAST(to_us, COALESCE(next_us, to_us)) > from_us;

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
