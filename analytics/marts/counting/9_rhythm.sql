-- The rhythm of requests to a service: a loop of a program waits for its tools, a person reads and types.
--
-- In:  records.  Out: rhythm, one row per request: a connection, or a line of a proxy's log.
-- Only requests that sent $asked bytes or more. A gap lies between the end of an answer that took at least a second
-- (what is shorter is no streamed answer: completions while typing, embeddings) and the next request; none lies
-- between requests at the same time, nor where more than an hour passed. Of several eyes those that saw most.
CREATE OR REPLACE TEMP TABLE rhythm AS
WITH requests AS (
  SELECT vantage_rank, subject, subject_kind, app, from_us, to_us, SUM(bytes_up) AS bytes_up,
         BOOL_OR(COALESCE(client_class = 'program', FALSE)) AS program
  FROM records
  WHERE in_day AND outcome = 'use' AND grade >= 3
  GROUP BY vantage_rank, subject, subject_kind, app, from_us, to_us
  HAVING SUM(bytes_up) >= $asked
),
eyes_of AS (
  SELECT subject, app, vantage_rank,
         ROW_NUMBER() OVER (PARTITION BY subject, app ORDER BY COUNT(*) DESC, vantage_rank) AS nth
  FROM requests
  GROUP BY subject, app, vantage_rank
),
lined AS (
  SELECT r.*,
         MAX(r.to_us) OVER (PARTITION BY r.subject, r.app ORDER BY r.from_us, r.to_us
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_us,
         LAG(r.to_us - r.from_us) OVER (PARTITION BY r.subject, r.app ORDER BY r.from_us, r.to_us) AS answered_us,
         LAG(r.bytes_up) OVER (PARTITION BY r.subject, r.app ORDER BY r.from_us, r.to_us) AS bytes_before
  FROM requests AS r
  JOIN eyes_of AS e ON e.subject = r.subject AND e.app = r.app AND e.vantage_rank = r.vantage_rank AND e.nth = 1
)
SELECT subject, subject_kind, app, from_us, bytes_up, bytes_before, program,
       CASE WHEN answered_us >= 1000000 AND from_us - until_us BETWEEN 0 AND 3600000000
            THEN (from_us - until_us) / 1000000.0 END AS gap_s
FROM lined
