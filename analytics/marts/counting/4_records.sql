-- What each vantage saw, with true duplicates collapsed: one row per connection and slice.
--
-- In:  attributed, facets.  Out: records, cover (empty), dropped (empty).
-- One connection is one `flow` whose starts lie within the tolerance of each other, whichever sensor
-- of the vantage saw it; of each direction the greatest count stands (ECMP halves see one direction
-- each). Records without a connection (proxy lines) stand for themselves. A session's grade is the
-- highest of its slices. `from_us`..`to_us` is the whole connection, quiet minutes included: that is
-- what covers a lower-ranked record.
CREATE OR REPLACE TEMP TABLE connected AS
SELECT a.*, f.vantage_rank, f.doubt
FROM attributed AS a
JOIN facets AS f ON f.facet = a.facet
WHERE NOT f.is_lookup AND NOT f.egress AND a.flow IS NOT NULL AND a.began_us IS NOT NULL;

-- Few flows are there again with another start: only their starts are put in order.
CREATE OR REPLACE TEMP TABLE begun_again AS
WITH again AS (
  SELECT vantage_rank, flow FROM connected
  GROUP BY vantage_rank, flow HAVING MAX(began_us) - MIN(began_us) > $tolerance
),
starts AS (
  SELECT DISTINCT c.vantage_rank, c.flow, c.began_us
  FROM connected AS c
  JOIN again AS a ON a.vantage_rank = c.vantage_rank AND a.flow = c.flow
),
gaps AS (
  SELECT *, LAG(began_us) OVER (PARTITION BY vantage_rank, flow ORDER BY began_us) AS before_us FROM starts
)
SELECT vantage_rank, flow, began_us,
       SUM(CASE WHEN began_us - before_us <= $tolerance THEN 0 ELSE 1 END)
         OVER (PARTITION BY vantage_rank, flow ORDER BY began_us
               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS connection_nth
FROM gaps;

CREATE OR REPLACE TEMP TABLE sliced AS
WITH numbered AS (
  SELECT c.*, COALESCE(b.connection_nth, 1) AS connection_nth
  FROM connected AS c
  LEFT JOIN begun_again AS b ON b.vantage_rank = c.vantage_rank AND b.flow = c.flow AND b.began_us = c.began_us
),
sessions AS (
  SELECT vantage_rank, flow, connection_nth, ROW_NUMBER() OVER () AS session,
         MAX(grade) AS grade, MIN(began_us) AS from_us, MAX(end_us) AS to_us
  FROM numbered
  GROUP BY vantage_rank, flow, connection_nth
)
SELECT n.* EXCLUDE (flow, connection_nth, began_us, grade, lookups), s.session, s.grade, s.from_us, s.to_us
FROM numbered AS n
JOIN sessions AS s
  ON s.vantage_rank = n.vantage_rank AND s.flow = n.flow AND s.connection_nth = n.connection_nth;

-- Slices that are there several times. Of their rows that of a person speaks, else a device's.
CREATE OR REPLACE TEMP TABLE doubled AS
WITH again AS (SELECT session, slice FROM sliced GROUP BY session, slice HAVING COUNT(*) > 1)
SELECT s.session, s.slice,
       COALESCE(MIN(CASE WHEN s.doubt = 0 THEN s.event_id END), MIN(CASE WHEN s.doubt = 1 THEN s.event_id END),
                MIN(s.event_id)) AS event_id,
       MAX(s.bytes_up) AS bytes_up, MAX(s.bytes_down) AS bytes_down, MAX(s.connections) AS connections,
       MAX(s.requests) AS requests, MAX(s.end_us) AS end_us
FROM sliced AS s
JOIN again AS a ON a.session = s.session AND a.slice IS NOT DISTINCT FROM s.slice
GROUP BY s.session, s.slice;

CREATE OR REPLACE TEMP TABLE records AS
SELECT s.event_id, s.facet, s.vantage_rank, s.in_day, s.start_us, COALESCE(d.end_us, s.end_us) AS end_us,
       s.from_us, s.to_us, s.grade,
       CASE WHEN d.session IS NULL THEN s.bytes_up ELSE d.bytes_up END AS bytes_up,
       CASE WHEN d.session IS NULL THEN s.bytes_down ELSE d.bytes_down END AS bytes_down,
       COALESCE(d.connections, s.connections) AS connections, COALESCE(d.requests, s.requests) AS requests
FROM sliced AS s
LEFT JOIN doubled AS d ON d.session = s.session AND d.slice IS NOT DISTINCT FROM s.slice
WHERE d.session IS NULL OR d.event_id = s.event_id
UNION ALL
SELECT a.event_id, a.facet, f.vantage_rank, a.in_day, a.start_us, a.end_us, a.start_us, a.end_us,
       a.grade, a.bytes_up, a.bytes_down, a.connections, a.requests
FROM attributed AS a
JOIN facets AS f ON f.facet = a.facet
WHERE NOT f.is_lookup AND NOT f.egress AND (a.flow IS NULL OR a.began_us IS NULL);

CREATE OR REPLACE TEMP TABLE cover (service BIGINT, host_nth BIGINT, from_us BIGINT, to_us BIGINT);

CREATE OR REPLACE TEMP TABLE dropped (event_id BIGINT)
