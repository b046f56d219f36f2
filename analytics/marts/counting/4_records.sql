-- What each vantage saw, with true duplicates collapsed: one row per connection and slice.
--
-- In:  attributed.  Out: records, cover (empty), dropped (empty).
-- One connection is one `flow` whose starts lie within the tolerance of each other, whichever sensor
-- of the vantage saw it; of each direction the greatest count stands (ECMP halves see one direction
-- each). Records without a connection (proxy lines) stand for themselves. A session's grade is the
-- highest of its slices. `from_us`..`to_us` is the whole connection, quiet minutes included: that is
-- what covers a lower-ranked record.
CREATE OR REPLACE TEMP TABLE records AS
WITH connected AS (
  SELECT * FROM attributed
  WHERE kind <> 'dns' AND NOT egress AND flow IS NOT NULL AND began_us IS NOT NULL
),
starts AS (SELECT DISTINCT vantage_rank, flow, began_us FROM connected),
gaps AS (
  SELECT *, LAG(began_us) OVER (PARTITION BY vantage_rank, flow ORDER BY began_us) AS before_us FROM starts
),
islands AS (
  SELECT vantage_rank, flow, began_us,
         SUM(CASE WHEN began_us - before_us <= $tolerance THEN 0 ELSE 1 END)
           OVER (PARTITION BY vantage_rank, flow ORDER BY began_us
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS connection_nth
  FROM gaps
),
slices AS (
  SELECT c.vantage_rank, c.flow, i.connection_nth, c.slice,
         COALESCE(MIN(CASE WHEN c.subject_kind = 'user' THEN c.event_id END),
                  MIN(CASE WHEN c.subject_kind = 'device' THEN c.event_id END),
                  MIN(c.event_id)) AS event_id,
         MAX(c.bytes_up) AS bytes_up, MAX(c.bytes_down) AS bytes_down,
         MAX(c.connections) AS connections, MAX(c.requests) AS requests, MAX(c.grade) AS grade,
         MIN(c.began_us) AS began_us, MAX(c.end_us) AS end_us
  FROM connected AS c
  JOIN islands AS i ON i.vantage_rank = c.vantage_rank AND i.flow = c.flow AND i.began_us = c.began_us
  GROUP BY c.vantage_rank, c.flow, i.connection_nth, c.slice
),
sessions AS (
  SELECT vantage_rank, flow, connection_nth,
         MAX(grade) AS grade, MIN(began_us) AS from_us, MAX(end_us) AS to_us
  FROM slices
  GROUP BY vantage_rank, flow, connection_nth
)
SELECT a.event_id, a.vantage_rank, a.in_day, a.start_us, x.end_us, s.from_us, s.to_us,
       a.subject, a.subject_kind, a.user_name, a.attributed_by, a.confidence, a.department, a.site,
       a.segment, a.client_class, a.host, a.app, a.access, a.outcome,
       s.grade, x.bytes_up, x.bytes_down, x.connections, x.requests
FROM slices AS x
JOIN sessions AS s
  ON s.vantage_rank = x.vantage_rank AND s.flow = x.flow AND s.connection_nth = x.connection_nth
JOIN attributed AS a ON a.event_id = x.event_id
UNION ALL
SELECT event_id, vantage_rank, in_day, start_us, end_us, start_us, end_us,
       subject, subject_kind, user_name, attributed_by, confidence, department, site, segment, client_class,
       host, app, access, outcome, grade, bytes_up, bytes_down, connections, requests
FROM attributed
WHERE kind <> 'dns' AND NOT egress AND (flow IS NULL OR began_us IS NULL);

CREATE OR REPLACE TEMP TABLE cover (
  outcome VARCHAR, subject VARCHAR, app VARCHAR, host VARCHAR, from_us BIGINT, to_us BIGINT
);

CREATE OR REPLACE TEMP TABLE dropped (event_id BIGINT)
