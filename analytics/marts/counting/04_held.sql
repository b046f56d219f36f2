-- What was known about every address while something stayed as it was.
--
-- In:  contexts, staff; held, addresses (holding/).
-- Out: headcounts, places, bindings, said (a view: bindings in words).
-- A binding is a while in which nothing changes about who holds an address. Only bindings that an event can fall into
-- are looked at. They are numbered by address and time, without gaps: placing.py looks for them by halving. An address
-- and a time are one number, a `moment`: the addresses' windows of time lie one behind the other, in the order of their
-- bindings.
-- On a day in which keys change everybody stands in the directory twice: counted is who was there as it began.
CREATE OR REPLACE TEMP TABLE headcounts AS
WITH days AS (
  SELECT i AS counted_day, make_timestamptz($first_us + (i - 1) * 86400000000) AS day_at
  FROM RANGE($nth, $last_nth + 1) AS d (i)
)
SELECT d.counted_day, CAST(d.day_at AT TIME ZONE 'UTC' AS DATE) AS day,
       COALESCE(s.department, 'unattributed') AS department, CAST(COUNT(*) AS BIGINT) AS headcount
FROM staff AS s
JOIN days AS d ON s.valid_from IS NULL OR s.valid_from <= d.day_at
WHERE s.kind IS NULL
GROUP BY d.counted_day, d.day_at, COALESCE(s.department, 'unattributed');

CREATE OR REPLACE TEMP TABLE places AS
WITH asked AS (
  SELECT d.place, d.site, d.address
  FROM (SELECT DISTINCT seen_site, client FROM contexts) AS c
  JOIN addresses AS d ON d.site = c.seen_site AND d.address = c.client
),
met AS (
  SELECT place, MIN(nth) AS first_nth, COUNT(*) AS bindings FROM held
  WHERE from_us < $end_us AND to_us > $begin_us GROUP BY place
)
SELECT a.*, m.first_nth, m.bindings,
       CAST(SUM(m.bindings) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS last_binding
FROM met AS m
JOIN asked AS a USING (place);

CREATE OR REPLACE TEMP TABLE bindings AS
SELECT p.last_binding - p.bindings + 1 + h.nth - p.first_nth AS binding,
       p.last_binding * $window + GREATEST(h.from_us - $begin_us, 0) AS moment, h.*
FROM held AS h
JOIN places AS p ON p.place = h.place
WHERE h.from_us < $end_us AND h.to_us > $begin_us;

$said
