-- Records of vantage rank $rank that better-ranked eyes have already counted.
--
-- In:  records, cover (what is kept of better ranks).  Out: rows added to dropped.
-- A record is dropped when at least half of its interval is covered by kept records of the same
-- subject and host (of the same app where either host is unknown). One no longer than the clock
-- tolerance is an instant, covered when it lies in or within the tolerance of a kept record.
--
-- Overlap is a difference of two running totals: the time covered up to a moment, read at both ends
-- of the record. Each total is looked up by sorting moments and islands together, so the cost is a
-- sort, whatever the number of records a hostile subject sends.
INSERT INTO dropped
WITH candidates AS (
  SELECT event_id, outcome, subject, app, host, start_us, LEAST(end_us, $horizon) AS end_us,
         end_us - start_us <= $tolerance AS instant
  FROM records
  WHERE vantage_rank = $rank
),
targets AS (
  SELECT outcome, subject, app, host, ROW_NUMBER() OVER (ORDER BY outcome, subject, app, host) AS target
  FROM (SELECT DISTINCT outcome, subject, app, host FROM candidates) AS distinct_targets
),
spans AS (
  SELECT t.target, c.from_us, c.to_us
  FROM targets AS t
  JOIN cover AS c ON c.outcome = t.outcome AND c.subject = t.subject AND c.host = t.host
  UNION ALL
  SELECT t.target, c.from_us, c.to_us
  FROM targets AS t
  JOIN cover AS c ON c.outcome = t.outcome AND c.subject = t.subject AND c.app = t.app
  WHERE t.host IS NULL OR c.host IS NULL
),
reached AS (
  SELECT target, from_us, to_us,
         MAX(to_us) OVER (PARTITION BY target ORDER BY from_us, to_us
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_us
  FROM spans
),
numbered AS (
  SELECT target, from_us, to_us,
         SUM(CASE WHEN from_us <= until_us THEN 0 ELSE 1 END)
           OVER (PARTITION BY target ORDER BY from_us, to_us
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
moments AS (
  SELECT t.target, c.event_id, 0 AS at_end,
         CASE WHEN c.instant THEN c.start_us - $tolerance ELSE c.start_us END AS at_us
  FROM candidates AS c
  JOIN targets AS t ON t.outcome = c.outcome AND t.subject = c.subject AND t.app = c.app
   AND t.host IS NOT DISTINCT FROM c.host
  UNION ALL
  SELECT t.target, c.event_id, 1,
         CASE WHEN c.instant THEN c.end_us + $tolerance ELSE c.end_us END
  FROM candidates AS c
  JOIN targets AS t ON t.outcome = c.outcome AND t.subject = c.subject AND t.app = c.app
   AND t.host IS NOT DISTINCT FROM c.host
),
line AS (
  SELECT target, from_us AS at_us, 0 AS is_moment, from_us, to_us, before_us,
         CAST(NULL AS BIGINT) AS event_id, 0 AS at_end
  FROM totals
  UNION ALL
  SELECT target, at_us, 1, NULL, NULL, NULL, event_id, at_end FROM moments
),
read AS (
  SELECT event_id, at_end, at_us, is_moment,
         MAX(from_us) OVER so_far AS from_us, MAX(to_us) OVER so_far AS to_us,
         MAX(before_us) OVER so_far AS before_us
  FROM line
  WINDOW so_far AS (PARTITION BY target ORDER BY at_us, is_moment, event_id, at_end
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
measured AS (
  SELECT event_id,
         MIN(CASE WHEN at_end = 0 THEN at_us END) AS start_us,
         MAX(CASE WHEN at_end = 1 THEN at_us END) AS end_us,
         MAX(CASE WHEN at_end = 1 THEN to_us END) AS last_us,
         MAX(CASE WHEN at_end = 1 THEN COALESCE(before_us + LEAST(at_us, to_us) - from_us, 0) END)
           - MAX(CASE WHEN at_end = 0 THEN COALESCE(before_us + LEAST(at_us, to_us) - from_us, 0) END)
           AS covered_us
  FROM read
  WHERE is_moment = 1
  GROUP BY event_id
)
SELECT m.event_id
FROM measured AS m
JOIN candidates AS c ON c.event_id = m.event_id
WHERE CASE WHEN c.instant THEN m.last_us >= m.start_us
           ELSE m.covered_us > 0 AND 2 * m.covered_us >= m.end_us - m.start_us END
