-- The days' evidence, each piece with what it adds, and which eyes saw it.
--
-- In:  attributed, facet_numbers, records, dropped.  Out: counted, eyes.
-- A dropped record stays as evidence (its grade, its part of bytes_up_max) and adds nothing. Of the
-- lookups of one subject, host and minute only those of the best-ranked vantage count.
CREATE OR REPLACE TEMP TABLE counted AS
WITH questions AS (
  SELECT a.hour_us, a.facet, a.lookups, a.start_us // 60000000 AS minute, f.party, f.host_nth, a.watch
  FROM attributed AS a
  JOIN facet_numbers AS f ON f.facet = a.facet
  WHERE a.counts_as = 2 AND a.in_day
),
best AS (
  SELECT party, host_nth, minute, MIN(watch) AS watch FROM questions GROUP BY party, host_nth, minute
),
evidence AS (
  SELECT r.hour_us, r.facet, r.grade, r.bytes_up, r.bytes_down, r.connections, r.requests, 0 AS lookups,
         d.event_id IS NULL AS kept
  FROM records AS r
  LEFT JOIN dropped AS d ON d.event_id = r.event_id AND d.service = r.service
  WHERE r.in_day
  UNION ALL
  SELECT q.hour_us, q.facet, 1, NULL, NULL, 0, 0, q.lookups, q.watch = b.watch
  FROM questions AS q
  JOIN best AS b ON b.party = q.party AND b.host_nth = q.host_nth AND b.minute = q.minute
)
SELECT make_timestamptz(hour_us) AS hour, * EXCLUDE (hour_us) FROM evidence;

CREATE OR REPLACE TEMP TABLE eyes AS
WITH seen AS (
  SELECT DISTINCT make_timestamptz(hour_us) AS hour, facet FROM attributed WHERE in_day
),
-- A proxy's own address speaks for everybody of its site who used the service in that hour.
proxies AS (
  SELECT DISTINCT s.hour, f.day, f.app_nth, f.seen_site_nth, f.eye
  FROM seen AS s
  JOIN facet_numbers AS f ON f.facet = s.facet
  WHERE f.outcome = 'use' AND f.egress
),
pairs AS (
  SELECT s.hour, f.service, f.eye
  FROM seen AS s
  JOIN facet_numbers AS f ON f.facet = s.facet
  WHERE f.outcome = 'use' AND NOT f.egress
  UNION
  SELECT s.hour, f.service, p.eye
  FROM seen AS s
  JOIN facet_numbers AS f ON f.facet = s.facet
  JOIN proxies AS p ON p.hour = s.hour AND p.day = f.day AND p.app_nth = f.app_nth AND p.seen_site_nth = f.seen_site_nth
  WHERE f.outcome = 'use' AND NOT f.egress
)
SELECT hour, service, CAST(COUNT(*) AS BIGINT) AS corroborations FROM pairs GROUP BY hour, service
