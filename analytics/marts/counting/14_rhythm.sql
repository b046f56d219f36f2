-- The rhythm of requests to a service: a loop of a program waits for its tools, a person reads and types.
--
-- In:  records, facet_numbers.  Out: rhythm, one row per request: a connection, or a line of a proxy's log.
-- Only requests that sent $asked bytes or more. A gap lies between the end of an answer that took at least a second
-- (what is shorter is no streamed answer: completions while typing, embeddings) and the next request; none lies
-- between requests at the same time, nor where more than an hour passed. Of several eyes those that saw most. Where an
-- address is shared from some moment on, a connection that lasts longer is two requests, in the order of their kinds.
CREATE OR REPLACE TEMP VIEW rhythm AS
WITH requests AS (
  SELECT r.watch, r.service, f.subject_kind, r.from_us, r.to_us, SUM(r.bytes_up) AS bytes_up,
         BOOL_OR(f.program) AS program
  FROM records AS r
  JOIN facet_numbers AS f ON f.facet = r.facet
  WHERE r.in_day AND f.outcome = 'use' AND r.grade >= 3
  GROUP BY r.watch, r.service, f.subject_kind, r.from_us, r.to_us
  HAVING SUM(r.bytes_up) >= $asked
),
eyes_of AS (
  SELECT service, watch,
         ROW_NUMBER() OVER (PARTITION BY service ORDER BY COUNT(*) DESC, watch) AS nth
  FROM requests
  GROUP BY service, watch
),
lined AS (
  SELECT r.*,
         MAX(r.to_us) OVER (PARTITION BY r.service ORDER BY r.from_us, r.to_us, r.subject_kind
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_us,
         LAG(r.to_us - r.from_us) OVER (PARTITION BY r.service ORDER BY r.from_us, r.to_us, r.subject_kind) AS answered_us,
         LAG(r.bytes_up) OVER (PARTITION BY r.service ORDER BY r.from_us, r.to_us, r.subject_kind) AS bytes_before
  FROM requests AS r
  JOIN eyes_of AS e ON e.service = r.service AND e.watch = r.watch AND e.nth = 1
)
SELECT service, subject_kind, from_us, bytes_up, bytes_before, program,
       CASE WHEN answered_us >= 1000000 AND from_us - until_us BETWEEN 0 AND 3600000000
            THEN (from_us - until_us) / 1000000.0 END AS gap_s
FROM lined
