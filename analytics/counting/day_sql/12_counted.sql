-- The evidence of the days, each row with what it adds, and the number of vantages that saw each use.
--
-- In:  attributed, facet_codes, records, dropped.  Out: counted, corroborated.
-- A dropped record remains as evidence (its grade, its part of bytes_up_max) but adds nothing to the sums. Of the
-- lookups of one subject, host and minute only those of the best-ranked vantage count.
CREATE OR REPLACE TEMP TABLE counted AS
WITH dns_lookups AS (
  SELECT a.hour_us, a.facet, a.lookups, a.start_us // 60000000 AS minute, f.subject_day, f.host_id, a.vantage_day
  FROM attributed AS a
  JOIN facet_codes AS f ON f.facet = a.facet
  WHERE a.counts_as = 2 AND a.in_day
),
best AS (
  SELECT subject_day, host_id, minute, MIN(vantage_day) AS vantage_day FROM dns_lookups
  GROUP BY subject_day, host_id, minute
),
evidence AS (
  SELECT r.hour_us, r.facet, r.grade, r.bytes_up, r.bytes_down, r.connections, r.requests, 0 AS lookups,
         d.event_id IS NULL AS kept
  FROM records AS r
  LEFT JOIN dropped AS d ON d.event_id = r.event_id AND d.usage_key = r.usage_key
  WHERE r.in_day
  UNION ALL
  SELECT q.hour_us, q.facet, 1, NULL, NULL, 0, 0, q.lookups, q.vantage_day = b.vantage_day
  FROM dns_lookups AS q
  JOIN best AS b ON b.subject_day = q.subject_day AND b.host_id = q.host_id AND b.minute = q.minute
)
SELECT make_timestamptz(hour_us) AS hour, * EXCLUDE (hour_us) FROM evidence;

CREATE OR REPLACE TEMP TABLE corroborated AS
WITH seen AS (
  SELECT DISTINCT make_timestamptz(hour_us) AS hour, facet FROM attributed WHERE in_day
),
-- A proxy's own traffic corroborates every use of the service at its site in that hour.
proxies AS (
  SELECT DISTINCT s.hour, f.day, f.app_id, f.seen_site_id, f.vantage_kind
  FROM seen AS s
  JOIN facet_codes AS f ON f.facet = s.facet
  WHERE f.outcome = 'use' AND f.egress
),
pairs AS (
  SELECT s.hour, f.usage_key, f.vantage_kind
  FROM seen AS s
  JOIN facet_codes AS f ON f.facet = s.facet
  WHERE f.outcome = 'use' AND NOT f.egress
  UNION
  SELECT s.hour, f.usage_key, p.vantage_kind
  FROM seen AS s
  JOIN facet_codes AS f ON f.facet = s.facet
  JOIN proxies AS p ON p.hour = s.hour AND p.day = f.day AND p.app_id = f.app_id AND p.seen_site_id = f.seen_site_id
  WHERE f.outcome = 'use' AND NOT f.egress
)
SELECT hour, usage_key, CAST(COUNT(*) AS BIGINT) AS corroborations FROM pairs GROUP BY hour, usage_key
