-- The day's sightings that can count, and those around it that decide how: one narrow row per event.
--
-- In:  sightings (three days, one row per event_id).  Out: seen (a view of those rows), contexts, targets, events.
-- Most rows of a day say the same of who and where (a `context`), and of what was seen how (a `target`): both
-- become numbers and are looked at once. Times become microseconds, because intervals are compared and added.
-- Support hosts (telemetry, CDN, auth) are not use and leave here. A neighbouring day's row is needed where it
-- reaches into this day, carries on a connection of this day, or begins before the day's longest record ends.
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

CREATE OR REPLACE TEMP TABLE inside AS
SELECT flow, MIN(began_us) AS began_us, MAX(end_us) AS end_us
FROM seen WHERE seen_at >= $day_at AND seen_at < $next_at
GROUP BY flow;

CREATE OR REPLACE TEMP TABLE reaching AS
SELECT event_id
FROM seen
WHERE seen_at < $day_at
  AND (end_us >= $day_start - $tolerance
       OR flow IN (SELECT flow FROM inside WHERE began_us <= $day_start + $tolerance AND flow IS NOT NULL))
UNION ALL
SELECT event_id
FROM seen
WHERE seen_at >= $next_at
  AND (start_us < (SELECT MAX(end_us) FROM inside)
       OR (began_us < $day_end AND flow IN (SELECT flow FROM inside WHERE flow IS NOT NULL)));

CREATE OR REPLACE TEMP TABLE around AS
SELECT * FROM seen
WHERE (seen_at < $day_at OR seen_at >= $next_at) AND event_id IN (SELECT event_id FROM reaching);

CREATE OR REPLACE TEMP VIEW needed AS
SELECT *, true AS in_day FROM seen WHERE seen_at >= $day_at AND seen_at < $next_at
UNION ALL
SELECT *, false FROM around;

-- Joined by a hash first: to compare all words of every row costs more.
CREATE OR REPLACE TEMP TABLE contexts AS
SELECT ROW_NUMBER() OVER () AS context, HASH(seen_site, segment, client_class, scope, client, user_name, device) AS told, *
FROM (SELECT DISTINCT seen_site, segment, client_class, scope, client, user_name, device FROM needed) AS who;

CREATE OR REPLACE TEMP TABLE targets AS
SELECT ROW_NUMBER() OVER () AS target, HASH(eye, kind, host, app, access, outcome) AS told, *
FROM (SELECT DISTINCT eye, kind, host, app, access, outcome FROM needed) AS what;

CREATE OR REPLACE TEMP TABLE events AS
SELECT n.event_id, c.context, t.target, n.in_day, n.start_us, n.end_us, n.began_us, n.flow, n.slice,
       COALESCE(n.grade, 1) AS grade, n.bytes_up, n.bytes_down, COALESCE(n.connections, 0) AS connections,
       COALESCE(n.requests, 0) AS requests, COALESCE(n.lookups, 0) AS lookups
FROM needed AS n
JOIN contexts AS c
  ON c.told = HASH(n.seen_site, n.segment, n.client_class, n.scope, n.client, n.user_name, n.device)
 AND (c.seen_site = n.seen_site AND c.segment IS NOT DISTINCT FROM n.segment
      AND c.client_class IS NOT DISTINCT FROM n.client_class AND c.scope = n.scope
      AND c.client IS NOT DISTINCT FROM n.client AND c.user_name IS NOT DISTINCT FROM n.user_name
      AND c.device IS NOT DISTINCT FROM n.device)
JOIN targets AS t
  ON t.told = HASH(n.eye, n.kind, n.host, n.app, n.access, n.outcome)
 AND (t.eye = n.eye AND t.kind IS NOT DISTINCT FROM n.kind AND t.host IS NOT DISTINCT FROM n.host AND t.app = n.app
      AND t.access IS NOT DISTINCT FROM n.access AND t.outcome = n.outcome)
