-- The day's evidence, each piece with what it adds, and which eyes saw it.
--
-- In:  attributed, records, dropped.  Out: counted, eyes.
-- A dropped record stays as evidence (its grade, its part of bytes_up_max) and adds nothing. Of the
-- lookups of one subject, host and minute only those of the best-ranked vantage count. Hours begin
-- where the report zone's clock says so; every offset in use is a multiple of 15 minutes, so the
-- conversion is done once a quarter.
CREATE OR REPLACE TEMP TABLE hours AS
WITH quarters AS (
  SELECT quarter, make_timestamptz(quarter * 900000000) AS quarter_at
  FROM (SELECT DISTINCT start_us // 900000000 AS quarter FROM attributed WHERE in_day) AS seen
)
SELECT quarter,
       quarter_at - CAST(EXTRACT(minute FROM quarter_at AT TIME ZONE '$zone') AS INTEGER) * INTERVAL '1' MINUTE
         AS hour
FROM quarters;

CREATE OR REPLACE TEMP TABLE counted AS
WITH questions AS (
  SELECT *,
         MIN(vantage_rank) OVER (PARTITION BY outcome, subject, host, start_us // 60000000) AS best_rank
  FROM attributed
  WHERE kind = 'dns' AND NOT egress AND in_day
),
evidence AS (
  SELECT start_us, subject, subject_kind, user_name, attributed_by, confidence, department, site, segment,
         client_class, app, access, outcome, grade,
         bytes_up, bytes_down, connections, requests, 0 AS lookups,
         event_id NOT IN (SELECT event_id FROM dropped) AS kept
  FROM records
  WHERE in_day
  UNION ALL
  SELECT start_us, subject, subject_kind, user_name, attributed_by, confidence, department, site, segment,
         client_class, app, access, outcome, 1,
         NULL, NULL, 0, 0, lookups, vantage_rank = best_rank
  FROM questions
)
SELECT h.hour, e.* FROM evidence AS e JOIN hours AS h ON h.quarter = e.start_us // 900000000;

CREATE OR REPLACE TEMP TABLE eyes AS
WITH seen AS (
  SELECT DISTINCT h.hour, a.subject, a.app, a.seen_site, a.vantage_rank, a.kind, a.egress
  FROM attributed AS a
  JOIN hours AS h ON h.quarter = a.start_us // 900000000
  WHERE a.in_day AND a.outcome = 'use'
),
pairs AS (
  SELECT hour, subject, app, vantage_rank, kind FROM seen WHERE NOT egress
  UNION
  -- A proxy's own address speaks for everybody of its site who used the service in that hour.
  SELECT s.hour, s.subject, s.app, p.vantage_rank, p.kind
  FROM (SELECT DISTINCT hour, subject, app, seen_site FROM seen WHERE NOT egress) AS s
  JOIN (SELECT DISTINCT hour, app, seen_site, vantage_rank, kind FROM seen WHERE egress) AS p
    ON p.hour = s.hour AND p.app = s.app AND p.seen_site = s.seen_site
)
SELECT hour, subject, app, CAST(COUNT(*) AS BIGINT) AS corroborations FROM pairs GROUP BY hour, subject, app
