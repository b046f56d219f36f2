-- Drops records of vantage rank $rank that better-ranked vantages have already counted.
--
-- In:  records, cover (the kept records of better ranks).  Out: rows added to dropped. `usage_key` includes the day.
-- A record is dropped when kept records of the same subject and host (the same app if either host is unknown) cover at
-- least half of its interval. A record no longer than the clock tolerance is an instant. It is dropped when it lies
-- within a kept record, or no further from one than the tolerance.
-- Where both records know the connection, no clock is needed: a record is also dropped when the last kept record of the
-- same five-tuple that began within $drift of it is at least half as long. Clocks may be that far apart.
--
-- The overlap is the difference of a running total, the time covered so far, at both ends of the record. Each is an
-- as-of join, so that the cost is that of a sort, whatever the number of records a hostile subject sends. Most subjects
-- have one covering record; these need no sort.
INSERT INTO dropped
WITH candidates AS (
  SELECT event_id, usage_key, host_id, flow, from_us, to_us, start_us,
         LEAST(end_us, $first_us + (usage_key // 67108864 % 8 + 1) * 86400000000) AS end_us,
         end_us - start_us <= $tolerance AS instant
  FROM records
  WHERE vantage_day // 8 = $rank
),
keys AS (
  SELECT usage_key, host_id, ROW_NUMBER() OVER () AS key_id
  FROM (SELECT DISTINCT usage_key, host_id FROM candidates) AS distinct_keys
),
spans AS (
  SELECT t.key_id, c.from_us, c.to_us
  FROM keys AS t
  JOIN cover AS c ON c.usage_key = t.usage_key AND c.host_id = t.host_id
  WHERE t.host_id <> 0
  UNION ALL
  SELECT t.key_id, c.from_us, c.to_us
  FROM keys AS t
  JOIN cover AS c ON c.usage_key = t.usage_key
  WHERE t.host_id = 0 OR c.host_id = 0
),
covered AS (
  SELECT key_id, MIN(from_us) AS from_us, MAX(to_us) AS to_us, COUNT(*) AS spans FROM spans GROUP BY key_id
),
with_reach AS (
  SELECT key_id, from_us, to_us,
         MAX(to_us) OVER (PARTITION BY key_id ORDER BY from_us, to_us
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_us
  FROM spans
  WHERE key_id IN (SELECT key_id FROM covered WHERE spans > 1)
),
-- Of identical spans the first begins the island: `until_us` breaks the tie.
numbered AS (
  SELECT key_id, from_us, to_us,
         SUM(CASE WHEN from_us <= until_us THEN 0 ELSE 1 END)
           OVER (PARTITION BY key_id ORDER BY from_us, to_us, until_us NULLS FIRST
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
  FROM with_reach
),
islands AS (
  SELECT key_id, island, MIN(from_us) AS from_us, MAX(to_us) AS to_us FROM numbered GROUP BY key_id, island
),
totals AS (
  SELECT key_id, from_us, to_us,
         COALESCE(CAST(SUM(to_us - from_us) OVER (PARTITION BY key_id ORDER BY from_us
                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS BIGINT), 0) AS before_us
  FROM islands
),
-- Only candidates that have any covering record.
queries AS (
  SELECT t.key_id, c.event_id, c.usage_key, c.instant,
         CASE WHEN c.instant THEN c.start_us - $tolerance ELSE c.start_us END AS from_us,
         CASE WHEN c.instant THEN c.end_us + $tolerance ELSE c.end_us END AS to_us,
         o.spans, o.from_us AS span_from_us, o.to_us AS span_to_us
  FROM candidates AS c
  JOIN keys AS t ON t.usage_key = c.usage_key AND t.host_id = c.host_id
  JOIN covered AS o ON o.key_id = t.key_id
),
started AS (
  SELECT a.*, COALESCE(t.before_us + LEAST(a.from_us, t.to_us) - t.from_us, 0) AS covered_before_us
  FROM (SELECT * FROM queries WHERE spans > 1) AS a
  ASOF LEFT JOIN totals AS t ON t.key_id = a.key_id AND a.from_us >= t.from_us
),
measured AS (
  SELECT event_id, usage_key, instant, from_us, to_us, CASE WHEN span_from_us <= to_us THEN span_to_us END AS last_us,
         GREATEST(LEAST(to_us, span_to_us) - GREATEST(from_us, span_from_us), 0) AS covered_us
  FROM queries
  WHERE spans = 1
  UNION ALL
  SELECT b.event_id, b.usage_key, b.instant, b.from_us, b.to_us, t.to_us AS last_us,
         COALESCE(t.before_us + LEAST(b.to_us, t.to_us) - t.from_us, 0) - b.covered_before_us AS covered_us
  FROM started AS b
  ASOF LEFT JOIN totals AS t ON t.key_id = b.key_id AND b.to_us >= t.from_us
)
SELECT event_id, usage_key
FROM measured
WHERE CASE WHEN instant THEN last_us >= from_us ELSE covered_us > 0 AND 2 * covered_us >= to_us - from_us END
UNION
SELECT a.event_id, a.usage_key
FROM candidates AS a
ASOF JOIN cover AS c ON c.usage_key = a.usage_key AND c.flow = a.flow AND c.from_us <= a.from_us + $drift
WHERE c.from_us >= a.from_us - $drift AND 2 * (c.to_us - c.from_us) >= a.to_us - a.from_us
