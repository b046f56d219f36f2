-- The records of each vantage without duplicates: one row per connection and hour, or slice (01_events.sql).
--
-- In:  attributed, facet_codes.  Out: records, cover (empty), dropped (empty).
-- Rows of one `flow` whose starts differ by no more than the tolerance are one connection, whichever sensor of the
-- vantage saw them. Each direction counts the maximum over the sensors, because with ECMP each sensor may see one
-- direction only. Records without a connection (proxy lines) are not merged. The grade of a connection is the highest
-- of its slices. `from_us`..`to_us` is the whole connection, with idle minutes: it covers lower-ranked records.
CREATE OR REPLACE TEMP VIEW connected AS
SELECT * FROM attributed WHERE counts_as = 1 AND flow IS NOT NULL AND began_us IS NOT NULL;

-- Flow ids that recur with another start. They are few, so only their starts are sorted.
CREATE OR REPLACE TEMP TABLE restarted_flows AS
WITH repeated AS (
  SELECT vantage_day, flow FROM connected
  GROUP BY vantage_day, flow HAVING MAX(began_us) - MIN(began_us) > $tolerance
),
starts AS (
  SELECT DISTINCT c.vantage_day, c.flow, c.began_us
  FROM connected AS c
  JOIN repeated AS a ON a.vantage_day = c.vantage_day AND a.flow = c.flow
),
gaps AS (
  SELECT *, LAG(began_us) OVER (PARTITION BY vantage_day, flow ORDER BY began_us) AS before_us FROM starts
)
SELECT vantage_day, flow, began_us,
       SUM(CASE WHEN began_us - before_us <= $tolerance THEN 0 ELSE 1 END)
         OVER (PARTITION BY vantage_day, flow ORDER BY began_us
               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS connection_nth
FROM gaps;

-- Slices with several rows. The row of a person is kept, or else that of a device.
CREATE OR REPLACE TEMP TABLE duplicate_slices AS
WITH repeated AS (
  SELECT vantage_day, flow, slice FROM connected GROUP BY vantage_day, flow, slice HAVING COUNT(*) > 1
),
slices AS (
  SELECT c.*, f.subject_priority, COALESCE(b.connection_nth, 1) AS connection_nth
  FROM connected AS c
  JOIN facet_codes AS f ON f.facet = c.facet
  JOIN repeated AS a ON a.vantage_day = c.vantage_day AND a.flow = c.flow AND a.slice IS NOT DISTINCT FROM c.slice
  LEFT JOIN restarted_flows AS b ON b.vantage_day = c.vantage_day AND b.flow = c.flow AND b.began_us = c.began_us
),
merged_slices AS (
  SELECT vantage_day, flow, connection_nth, slice,
         COALESCE(MIN(CASE WHEN subject_priority = 0 THEN event_id END),
                  MIN(CASE WHEN subject_priority = 1 THEN event_id END), MIN(event_id)) AS kept_event_id,
         MAX(bytes_up) AS bytes_up, MAX(bytes_down) AS bytes_down, MAX(connections) AS connections,
         MAX(requests) AS requests, MAX(end_us) AS end_us
  FROM slices
  GROUP BY vantage_day, flow, connection_nth, slice
)
SELECT s.event_id, s.vantage_day, s.event_id = p.kept_event_id AS is_kept, p.bytes_up, p.bytes_down, p.connections,
       p.requests, p.end_us
FROM slices AS s
JOIN merged_slices AS p
  ON p.vantage_day = s.vantage_day AND p.flow = s.flow AND p.connection_nth = s.connection_nth
 AND p.slice IS NOT DISTINCT FROM s.slice;

CREATE OR REPLACE TEMP TABLE records AS
WITH numbered AS (
  SELECT c.*, COALESCE(b.connection_nth, 1) AS connection_nth
  FROM connected AS c
  LEFT JOIN restarted_flows AS b ON b.vantage_day = c.vantage_day AND b.flow = c.flow AND b.began_us = c.began_us
),
sessions AS (
  SELECT vantage_day, flow, connection_nth, MAX(grade) AS grade, MIN(began_us) AS from_us, MAX(end_us) AS to_us
  FROM numbered
  GROUP BY vantage_day, flow, connection_nth
)
SELECT n.event_id, n.facet, n.vantage_day, f.usage_key, f.host_id, n.in_day, n.hour_us, n.start_us,
       COALESCE(d.end_us, n.end_us) AS end_us, n.flow, s.from_us, s.to_us, s.grade,
       CASE WHEN d.event_id IS NULL THEN n.bytes_up ELSE d.bytes_up END AS bytes_up,
       CASE WHEN d.event_id IS NULL THEN n.bytes_down ELSE d.bytes_down END AS bytes_down,
       COALESCE(d.connections, n.connections) AS connections, COALESCE(d.requests, n.requests) AS requests
FROM numbered AS n
JOIN sessions AS s
  ON s.vantage_day = n.vantage_day AND s.flow = n.flow AND s.connection_nth = n.connection_nth
JOIN facet_codes AS f ON f.facet = n.facet
LEFT JOIN duplicate_slices AS d ON d.event_id = n.event_id AND d.vantage_day = n.vantage_day
WHERE COALESCE(d.is_kept, true)
UNION ALL
SELECT a.event_id, a.facet, a.vantage_day, f.usage_key, f.host_id, a.in_day, a.hour_us, a.start_us, a.end_us,
       NULL, a.start_us, a.end_us, a.grade, a.bytes_up, a.bytes_down, a.connections, a.requests
FROM attributed AS a
JOIN facet_codes AS f ON f.facet = a.facet
WHERE a.counts_as = 1 AND (a.flow IS NULL OR a.began_us IS NULL);

CREATE OR REPLACE TEMP TABLE cover (usage_key BIGINT, host_id BIGINT, flow BIGINT, from_us BIGINT, to_us BIGINT);

CREATE OR REPLACE TEMP TABLE dropped (event_id BIGINT, usage_key BIGINT)
