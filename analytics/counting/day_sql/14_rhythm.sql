-- Time between requests to a service. An agent waits for its tools; a person reads and types.
--
-- In:  records, facet_codes.  Out: rhythm, one row per request: a connection, or a line of a proxy log.
-- Only requests of $asked bytes or more. A gap is the time from the end of an answer of at least a second (shorter ones
-- are not streamed answers but code completion or embeddings) to the next request. Simultaneous requests and requests
-- more than an hour apart have none. Of several vantages, the one with most requests is used. A connection that
-- outlasts the moment its address becomes shared is two requests, in the order of their subject kinds. `day` is the
-- report's, of the hour as in usage_hourly (`hour_us`): a UTC day may lie in two weeks.
CREATE OR REPLACE TEMP VIEW rhythm AS
WITH requests AS (
  SELECT r.vantage_day, r.usage_key, f.subject_kind, r.from_us, r.to_us, MIN(r.hour_us) AS hour_us,
         SUM(r.bytes_up) AS bytes_up, BOOL_OR(f.program) AS program
  FROM records AS r
  JOIN facet_codes AS f ON f.facet = r.facet
  WHERE r.in_day AND f.outcome = 'use' AND r.grade >= 3
  GROUP BY r.vantage_day, r.usage_key, f.subject_kind, r.from_us, r.to_us
  HAVING SUM(r.bytes_up) >= $asked
),
ranked_vantages AS (
  SELECT usage_key, vantage_day,
         ROW_NUMBER() OVER (PARTITION BY usage_key ORDER BY COUNT(*) DESC, vantage_day) AS nth
  FROM requests
  GROUP BY usage_key, vantage_day
),
ordered AS (
  SELECT r.*,
         MAX(r.to_us) OVER (PARTITION BY r.usage_key ORDER BY r.from_us, r.to_us, r.subject_kind
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS previous_end_us,
         LAG(r.to_us - r.from_us)
           OVER (PARTITION BY r.usage_key ORDER BY r.from_us, r.to_us, r.subject_kind) AS answer_us,
         LAG(r.bytes_up) OVER (PARTITION BY r.usage_key ORDER BY r.from_us, r.to_us, r.subject_kind) AS bytes_before
  FROM requests AS r
  JOIN ranked_vantages AS e ON e.usage_key = r.usage_key AND e.vantage_day = r.vantage_day AND e.nth = 1
)
SELECT usage_key, subject_kind, hour_us, CAST(make_timestamptz(hour_us) AT TIME ZONE '$zone' AS DATE) AS day,
       bytes_up, bytes_before, program,
       CASE WHEN answer_us >= 1000000 AND from_us - previous_end_us BETWEEN 0 AND 3600000000
            THEN (from_us - previous_end_us) / 1000000.0 END AS gap_s
FROM ordered
