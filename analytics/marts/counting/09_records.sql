-- What each vantage saw, with true duplicates collapsed: one row per connection and hour, or slice (01_events.sql).
--
-- In:  attributed, facet_numbers.  Out: records, cover (empty), dropped (empty).
-- One connection is one `flow` whose starts lie within the tolerance of each other, whichever sensor
-- of the vantage saw it; of each direction the greatest count stands (ECMP halves see one direction
-- each). Records without a connection (proxy lines) stand for themselves. A session's grade is the
-- highest of its slices. `from_us`..`to_us` is the whole connection, quiet minutes included: that is
-- what covers a lower-ranked record.
CREATE OR REPLACE TEMP VIEW connected AS
SELECT * FROM attributed WHERE counts_as = 1 AND flow IS NOT NULL AND began_us IS NOT NULL;

-- Few flows are there again with another start: only their starts are put in order.
CREATE OR REPLACE TEMP TABLE begun_again AS
WITH again AS (
  SELECT watch, flow FROM connected
  GROUP BY watch, flow HAVING MAX(began_us) - MIN(began_us) > $tolerance
),
starts AS (
  SELECT DISTINCT c.watch, c.flow, c.began_us
  FROM connected AS c
  JOIN again AS a ON a.watch = c.watch AND a.flow = c.flow
),
gaps AS (
  SELECT *, LAG(began_us) OVER (PARTITION BY watch, flow ORDER BY began_us) AS before_us FROM starts
)
SELECT watch, flow, began_us,
       SUM(CASE WHEN began_us - before_us <= $tolerance THEN 0 ELSE 1 END)
         OVER (PARTITION BY watch, flow ORDER BY began_us
               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS connection_nth
FROM gaps;

-- Slices that are there several times. Of their rows that of a person speaks, else a device's.
CREATE OR REPLACE TEMP TABLE doubled AS
WITH again AS (
  SELECT watch, flow, slice FROM connected GROUP BY watch, flow, slice HAVING COUNT(*) > 1
),
slices AS (
  SELECT c.*, f.doubt, COALESCE(b.connection_nth, 1) AS connection_nth
  FROM connected AS c
  JOIN facet_numbers AS f ON f.facet = c.facet
  JOIN again AS a ON a.watch = c.watch AND a.flow = c.flow AND a.slice IS NOT DISTINCT FROM c.slice
  LEFT JOIN begun_again AS b ON b.watch = c.watch AND b.flow = c.flow AND b.began_us = c.began_us
),
speaking AS (
  SELECT watch, flow, connection_nth, slice,
         COALESCE(MIN(CASE WHEN doubt = 0 THEN event_id END), MIN(CASE WHEN doubt = 1 THEN event_id END),
                  MIN(event_id)) AS speaker,
         MAX(bytes_up) AS bytes_up, MAX(bytes_down) AS bytes_down, MAX(connections) AS connections,
         MAX(requests) AS requests, MAX(end_us) AS end_us
  FROM slices
  GROUP BY watch, flow, connection_nth, slice
)
SELECT s.event_id, s.watch, s.event_id = p.speaker AS speaks, p.bytes_up, p.bytes_down, p.connections, p.requests, p.end_us
FROM slices AS s
JOIN speaking AS p
  ON p.watch = s.watch AND p.flow = s.flow AND p.connection_nth = s.connection_nth
 AND p.slice IS NOT DISTINCT FROM s.slice;

CREATE OR REPLACE TEMP TABLE records AS
WITH numbered AS (
  SELECT c.*, COALESCE(b.connection_nth, 1) AS connection_nth
  FROM connected AS c
  LEFT JOIN begun_again AS b ON b.watch = c.watch AND b.flow = c.flow AND b.began_us = c.began_us
),
sessions AS (
  SELECT watch, flow, connection_nth, MAX(grade) AS grade, MIN(began_us) AS from_us, MAX(end_us) AS to_us
  FROM numbered
  GROUP BY watch, flow, connection_nth
)
SELECT n.event_id, n.facet, n.watch, f.service, f.host_nth, n.in_day, n.hour_us, n.start_us,
       COALESCE(d.end_us, n.end_us) AS end_us, s.from_us, s.to_us, s.grade,
       CASE WHEN d.event_id IS NULL THEN n.bytes_up ELSE d.bytes_up END AS bytes_up,
       CASE WHEN d.event_id IS NULL THEN n.bytes_down ELSE d.bytes_down END AS bytes_down,
       COALESCE(d.connections, n.connections) AS connections, COALESCE(d.requests, n.requests) AS requests
FROM numbered AS n
JOIN sessions AS s
  ON s.watch = n.watch AND s.flow = n.flow AND s.connection_nth = n.connection_nth
JOIN facet_numbers AS f ON f.facet = n.facet
LEFT JOIN doubled AS d ON d.event_id = n.event_id AND d.watch = n.watch
WHERE COALESCE(d.speaks, true)
UNION ALL
SELECT a.event_id, a.facet, a.watch, f.service, f.host_nth, a.in_day, a.hour_us, a.start_us, a.end_us, a.start_us,
       a.end_us, a.grade, a.bytes_up, a.bytes_down, a.connections, a.requests
FROM attributed AS a
JOIN facet_numbers AS f ON f.facet = a.facet
WHERE a.counts_as = 1 AND (a.flow IS NULL OR a.began_us IS NULL);

CREATE OR REPLACE TEMP TABLE cover (service BIGINT, host_nth BIGINT, from_us BIGINT, to_us BIGINT);

CREATE OR REPLACE TEMP TABLE dropped (event_id BIGINT, service BIGINT)
