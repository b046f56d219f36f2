-- Who held each address, in intervals during which nothing about it changes (bindings).
--
-- In:  contexts, staff; held, addresses (holder_sql/).
-- Out: headcounts, held_addresses, bindings, named_bindings (a view: bindings with names in place of ids).
-- Only bindings that an event can fall into are kept. They are numbered by address and time without gaps, because
-- binding_join.py finds them by binary search. `asof_key` combines address and time in one sorted number: each address
-- has a time window of its own, in the order of the bindings.
-- On the day of a key rotation the directory lists everybody twice, so the headcount is taken at the start of the day.
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

CREATE OR REPLACE TEMP TABLE held_addresses AS
WITH observed AS (
  SELECT d.address_id, d.site, d.address
  FROM (SELECT DISTINCT seen_site, client FROM contexts) AS c
  JOIN addresses AS d ON d.site = c.seen_site AND d.address = c.client
),
overlapping AS (
  SELECT address_id, MIN(nth) AS first_nth, COUNT(*) AS bindings FROM held
  WHERE from_us < $end_us AND to_us > $begin_us GROUP BY address_id
)
SELECT a.*, m.first_nth, m.bindings,
       CAST(SUM(m.bindings) OVER (ORDER BY address_id ROWS BETWEEN UNBOUNDED PRECEDING
         AND CURRENT ROW) AS BIGINT) AS last_binding
FROM overlapping AS m
JOIN observed AS a USING (address_id);

CREATE OR REPLACE TEMP TABLE bindings AS
SELECT p.last_binding - p.bindings + 1 + h.nth - p.first_nth AS binding,
       p.last_binding * $window + GREATEST(h.from_us - $begin_us, 0) AS asof_key, h.*
FROM held AS h
JOIN held_addresses AS p ON p.address_id = h.address_id
WHERE h.from_us < $end_us AND h.to_us > $begin_us;

$named_bindings
