-- The day's sightings that can count, and those around it that decide how: who, what and when.
--
-- In:  sightings (three days, one row per event_id).  Out: seen and events (views of those rows), contexts, targets,
-- bounds (the time they begin in).
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

-- Words are compared by their hash alone where no two contexts, or targets, share one (days.py).
CREATE OR REPLACE TEMP VIEW events AS
SELECT event_id, in_day, start_us, end_us, began_us, flow, slice, COALESCE(grade, 1) AS grade, bytes_up, bytes_down,
       COALESCE(connections, 0) AS connections, COALESCE(requests, 0) AS requests, COALESCE(lookups, 0) AS lookups,
       seen_site, segment, client_class, scope, client, user_name, device,
       HASH(seen_site, segment, client_class, scope, client, user_name, device) AS by_whom,
       eye, kind, host, app, access, outcome, HASH(eye, kind, host, app, access, outcome) AS of_what
FROM needed;

CREATE OR REPLACE TEMP TABLE contexts AS
SELECT ROW_NUMBER() OVER () AS context, HASH(seen_site, segment, client_class, scope, client, user_name, device) AS told, *
FROM (SELECT DISTINCT seen_site, segment, client_class, scope, client, user_name, device FROM needed) AS who;

CREATE OR REPLACE TEMP TABLE targets AS
SELECT ROW_NUMBER() OVER () AS target, HASH(eye, kind, host, app, access, outcome) AS told, *
FROM (SELECT DISTINCT eye, kind, host, app, access, outcome FROM needed) AS what;

CREATE OR REPLACE TEMP TABLE bounds AS
SELECT LEAST($day_start, MIN(start_us)) AS from_us, GREATEST($day_end, MAX(start_us) + 1) AS to_us FROM around
