-- The day's sightings that can count, and those around it that decide how: one narrow row per event.
--
-- In:  sightings (three days, one row per event_id).  Out: seen (a view of those rows), contexts, events.
-- Most rows of a day say the same of who, where and what: that becomes a number, `context`, and is looked at
-- once. Times become microseconds, because intervals are compared and added. Support hosts (telemetry, CDN,
-- auth) are not use and leave here. A neighbouring day's row is needed where it reaches into this day, carries
-- on one of its connections, or begins before the day's longest record ends.
CREATE OR REPLACE TEMP VIEW seen AS
SELECT *, epoch_us(seen_at) AS start_us,
       epoch_us(seen_at)
         + CAST(LEAST(GREATEST(COALESCE(duration_s, 0), 0), 2592000) * 1000000 AS BIGINT) AS end_us,
       epoch_us(started_at) AS began_us,
       COALESCE(vantage, sensor, 'unknown') AS eye, COALESCE(site, 'unknown') AS seen_site,
       COALESCE(client_scope, 'unknown') AS scope,
       CASE WHEN COALESCE(action, 'unknown') = 'blocked' THEN 'blocked'
            WHEN role = 'embedded' THEN 'embedded' ELSE 'use' END AS outcome
FROM sightings
WHERE seen_at IS NOT NULL AND app IS NOT NULL
  AND (role = 'use' OR (role = 'embedded' AND COALESCE(action, 'unknown') <> 'blocked'));

CREATE OR REPLACE TEMP TABLE reaching AS
WITH spans AS MATERIALIZED (
  SELECT event_id, flow, start_us, end_us, began_us, start_us >= $day_start AND start_us < $day_end AS in_day FROM seen
),
longest AS (SELECT MAX(end_us) AS end_us FROM spans WHERE in_day)
SELECT event_id
FROM spans
WHERE NOT in_day
  AND ((start_us < $day_start AND end_us >= $day_start - $tolerance)
       OR (start_us >= $day_end AND start_us < (SELECT end_us FROM longest))
       OR (began_us < $day_end AND flow IN (SELECT flow FROM spans WHERE in_day AND flow IS NOT NULL)));

CREATE OR REPLACE TEMP VIEW needed AS
SELECT *, true AS in_day FROM seen WHERE seen_at >= $day_at AND seen_at < $next_at
UNION ALL
SELECT *, false FROM seen
WHERE (seen_at < $day_at OR seen_at >= $next_at) AND event_id IN (SELECT event_id FROM reaching);

CREATE OR REPLACE TEMP TABLE contexts AS
SELECT ROW_NUMBER() OVER () AS context, *
FROM (
  SELECT DISTINCT eye, kind, seen_site, segment, client_class, scope, client, user_name, device, host, app, access,
         outcome
  FROM needed
) AS told;

CREATE OR REPLACE TEMP TABLE events AS
SELECT n.event_id, c.context, n.in_day, n.start_us, n.end_us, n.began_us, n.flow, n.slice,
       COALESCE(n.grade, 1) AS grade, n.bytes_up, n.bytes_down, COALESCE(n.connections, 0) AS connections,
       COALESCE(n.requests, 0) AS requests, COALESCE(n.lookups, 0) AS lookups
FROM needed AS n
JOIN contexts AS c
  ON c.eye = n.eye AND c.kind IS NOT DISTINCT FROM n.kind AND c.seen_site = n.seen_site
 AND c.segment IS NOT DISTINCT FROM n.segment AND c.client_class IS NOT DISTINCT FROM n.client_class
 AND c.scope = n.scope AND c.client IS NOT DISTINCT FROM n.client AND c.user_name IS NOT DISTINCT FROM n.user_name
 AND c.device IS NOT DISTINCT FROM n.device AND c.host IS NOT DISTINCT FROM n.host AND c.app = n.app
 AND c.access IS NOT DISTINCT FROM n.access AND c.outcome = n.outcome
