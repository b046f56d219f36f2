-- Records of vantage rank $rank that better-ranked eyes have already counted.
--
-- In:  records, cover (what is kept of better ranks).  Out: rows added to dropped, of a day each: as `service` is.
-- A record is dropped when at least half of its interval is covered by kept records of the same
-- subject and host (of the same app where either host is unknown). One no longer than the clock
-- tolerance is an instant, covered when it lies in or within the tolerance of a kept record.
--
-- Overlap is a difference of two running totals: the time covered up to a moment, read at both ends
-- of the record. Each total is looked up as of that moment, so the cost is a
-- sort, whatever the number of records a hostile subject sends. Most subjects have one record to be covered by:
-- those need neither.
INSERT INTO dropped
WITH candidates AS (
  SELECT event_id, service, host_nth, start_us, 
         LEAST(end_us, $first_us + (service // 67108864 % 8 + 1) * 86400000000) AS end_us,
         end_us - start_us <= $tolerance AS instant
  FROM records
  WHERE watch // 8 = $rank
),
targets AS (
  SELECT service, host_nth, ROW_NUMBER() OVER () AS target
  FROM (SELECT DISTINCT service, host_nth FROM candidates) AS distinct_targets
),
spans AS (
  SELECT t.target, c.from_us, c.to_us
  FROM targets AS t
  JOIN cover AS c ON c.service = t.service AND c.host_nth = t.host_nth
  WHERE t.host_nth <> 0
  UNION ALL
  SELECT t.target, c.from_us, c.to_us
  FROM targets AS t
  JOIN cover AS c ON c.service = t.service
  WHERE t.host_nth = 0 OR c.host_nth = 0
),
covered AS (
  SELECT target, MIN(from_us) AS from_us, MAX(to_us) AS to_us, COUNT(*) AS spans FROM spans GROUP BY target
),
reached AS (
  SELECT target, from_us, to_us,
         MAX(to_us) OVER (PARTITION BY target ORDER BY from_us, to_us
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_us
  FROM spans
  WHERE target IN (SELECT target FROM covered WHERE spans > 1)
),
-- Of spans that are all the same the first begins the island, and is the one that reaches least far back.
numbered AS (
  SELECT target, from_us, to_us,
         SUM(CASE WHEN from_us <= until_us THEN 0 ELSE 1 END)
           OVER (PARTITION BY target ORDER BY from_us, to_us, until_us NULLS FIRST
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
  FROM reached
),
islands AS (
  SELECT target, island, MIN(from_us) AS from_us, MAX(to_us) AS to_us FROM numbered GROUP BY target, island
),
totals AS (
  SELECT target, from_us, to_us,
         COALESCE(CAST(SUM(to_us - from_us) OVER (PARTITION BY target ORDER BY from_us
                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS BIGINT), 0) AS before_us
  FROM islands
),
-- What nothing covers is not asked about.
asked AS (
  SELECT t.target, c.event_id, c.service, c.instant,
         CASE WHEN c.instant THEN c.start_us - $tolerance ELSE c.start_us END AS from_us,
         CASE WHEN c.instant THEN c.end_us + $tolerance ELSE c.end_us END AS to_us,
         o.spans, o.from_us AS span_from_us, o.to_us AS span_to_us
  FROM candidates AS c
  JOIN targets AS t ON t.service = c.service AND t.host_nth = c.host_nth
  JOIN covered AS o ON o.target = t.target
),
begun AS (
  SELECT a.*, COALESCE(t.before_us + LEAST(a.from_us, t.to_us) - t.from_us, 0) AS covered_before_us
  FROM (SELECT * FROM asked WHERE spans > 1) AS a
  ASOF LEFT JOIN totals AS t ON t.target = a.target AND a.from_us >= t.from_us
),
measured AS (
  SELECT event_id, service, instant, from_us, to_us, CASE WHEN span_from_us <= to_us THEN span_to_us END AS last_us,
         GREATEST(LEAST(to_us, span_to_us) - GREATEST(from_us, span_from_us), 0) AS covered_us
  FROM asked
  WHERE spans = 1
  UNION ALL
  SELECT b.event_id, b.service, b.instant, b.from_us, b.to_us, t.to_us AS last_us,
         COALESCE(t.before_us + LEAST(b.to_us, t.to_us) - t.from_us, 0) - b.covered_before_us AS covered_us
  FROM begun AS b
  ASOF LEFT JOIN totals AS t ON t.target = b.target AND b.to_us >= t.from_us
)
SELECT event_id, service
FROM measured
WHERE CASE WHEN instant THEN last_us >= from_us ELSE covered_us > 0 AND 2 * covered_us >= to_us - from_us END
