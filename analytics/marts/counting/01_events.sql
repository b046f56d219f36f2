-- The sightings of some days that can count, and those around each day that decide how: as few rows as that takes.
--
-- In:  sightings (these days and one more on either side, one row per event_id), sensors; held, addresses (holding/).
-- Out: every_event (`day`: number of the day, among these, that it is needed for), around, contexts, targets, vantages;
--      every_detail, of rows that said something about servers or models.
-- Days that follow each other are read together: what is looked up once for all need not be again, and a day's rows
-- are not read for its neighbours anew. Each is still counted as if it stood alone (02_days.sql).
-- Most rows of a day say the same of who and where (a `context`), and of what was seen how (a `target`): both
-- become numbers and are looked at once. Times become microseconds, because intervals are compared and added.
-- A duration of NaN becomes NULL: statistics of files leave NaN out, so that filters by them lose the row.
-- Support hosts (telemetry, CDN, auth) are not use and leave here. A neighbouring day's row is needed where it
-- reaches into this day, carries on a connection of this day, or begins before the day's longest record ends.
--
-- Rows that are added up in the end are added up here, once, so that everything later reads few. An event is
--   the slices of a connection in an hour, as the best vantage saw them: nothing can have counted them before;
--   the lookups of a minute; records without a connection that begin and end together;
--   else a row by itself: outside the day; of a worse vantage; of a connection that has two rows of one slice, or two
--   beginnings, or goes on outside the day; in an hour in which something changes about who holds the address; with
--   details.
CREATE OR REPLACE TEMP VIEW detailed AS
SELECT *, kind IN ('http', 'flow', 'proxy') AND NOT (kind = 'http' AND COALESCE(decrypted, FALSE)) AS is_open,
       app LIKE 'behaviours/%' OR access = 'mcp' OR mcp_version IS NOT NULL OR mcp_methods IS NOT NULL
         OR (key_type IS NOT NULL AND is_open) AS of_server,
       repository IS NOT NULL OR model_format IS NOT NULL OR hands_over IS NOT NULL AS of_model
FROM sightings;

CREATE OR REPLACE TEMP VIEW seen AS
SELECT event_id, seen_at, epoch_us(seen_at) AS start_us, (epoch_us(seen_at) - $before_us) // 86400000000 AS day,
       epoch_us(seen_at)
         + CAST(CASE WHEN ISNAN(duration_s) THEN 0 ELSE LEAST(GREATEST(COALESCE(duration_s, 0), 0), 2592000) END * 1000000
                AS BIGINT) AS end_us,
       epoch_us(started_at) AS began_us, flow, slice, grade, bytes_up, bytes_down, connections, requests, lookups,
       COALESCE(site, 'unknown') AS seen_site, segment, client_class, COALESCE(client_scope, 'unknown') AS scope, client,
       user_name, device, COALESCE(vantage, sensor, 'unknown') AS eye, kind, host, app, access,
       CASE WHEN COALESCE(action, 'unknown') = 'blocked' THEN 'blocked'
            WHEN role = 'embedded' THEN 'embedded' ELSE 'use' END AS outcome,
       COALESCE(action, 'unknown') <> 'blocked' AND grade >= 3 AND kind <> 'dns' AND (of_server OR of_model) AS has_details
FROM detailed
WHERE seen_at IS NOT NULL AND app IS NOT NULL
  AND (role = 'use' OR (role = 'embedded' AND COALESCE(action, 'unknown') <> 'blocked'));

-- Of a connection's slices of a day, 62 at a time: how many rows a vantage has, and of how many slices.
CREATE OR REPLACE TEMP TABLE inside AS
SELECT day, flow, eye, slice // 62 AS stretch, MIN(began_us) AS began_us, MAX(began_us) AS begun_us, MAX(end_us) AS end_us,
       COUNT(*) AS slices,
       BIT_COUNT(BIT_OR(CASE WHEN slice >= 0 THEN CAST(1 AS BIGINT) << (slice % 62) END)) AS different
FROM seen
WHERE seen_at >= $first_at AND seen_at < $until_at
GROUP BY day, flow, eye, slice // 62;

-- The rows that a day needs of the day before and of the day after; `near` are the candidates.
CREATE OR REPLACE TEMP TABLE reaching AS
WITH early AS (
  SELECT DISTINCT flow, day - 1 AS day FROM inside
  WHERE flow IS NOT NULL AND began_us <= $first_us + (day - 1) * 86400000000 + $tolerance
),
longest AS (SELECT day + 1 AS day, MAX(end_us) AS end_us FROM inside GROUP BY day),
near AS MATERIALIZED (
  SELECT s.event_id, s.day, s.flow, $first_us + (s.day - 1) * 86400000000 AS midnight_us, s.start_us, s.end_us, s.began_us,
         l.end_us AS longest_us
  FROM seen AS s
  LEFT JOIN longest AS l ON l.day = s.day
  WHERE s.end_us >= $first_us + s.day * 86400000000 - $tolerance OR s.began_us < $first_us + (s.day - 1) * 86400000000
     OR s.start_us < l.end_us OR s.flow IN (SELECT flow FROM early)
)
SELECT event_id, day + 1 AS day
FROM near
WHERE day + 1 <= $days
  AND (end_us >= midnight_us + 86400000000 - $tolerance OR (flow, day) IN (SELECT (flow, day) FROM early))
UNION ALL
SELECT event_id, day - 1
FROM near
WHERE day - 1 >= 1
  AND (start_us < longest_us
       OR (began_us < midnight_us AND (flow, day - 1) IN (SELECT (flow, day) FROM inside WHERE flow IS NOT NULL)));

CREATE OR REPLACE TEMP TABLE around AS
SELECT s.* EXCLUDE (day), r.day FROM seen AS s JOIN reaching AS r ON r.event_id = s.event_id;

-- Words are joined by their hash; that no two have the same is made sure of (days.py).
CREATE OR REPLACE TEMP VIEW needed AS
WITH rows AS (
  SELECT *, true AS in_day FROM seen WHERE seen_at >= $first_at AND seen_at < $until_at
  UNION ALL BY NAME
  SELECT *, false AS in_day FROM around
)
SELECT *, HASH($salt, seen_site, segment, client_class, scope, client, user_name, device) AS who,
       HASH($salt, eye, kind, host, app, access, outcome) AS what
FROM rows;

CREATE OR REPLACE TEMP TABLE contexts AS
SELECT ROW_NUMBER() OVER () AS context, who AS told, * EXCLUDE (who)
FROM (SELECT DISTINCT who, seen_site, segment, client_class, scope, client, user_name, device FROM needed) AS said;

CREATE OR REPLACE TEMP TABLE targets AS
SELECT ROW_NUMBER() OVER () AS target, what AS told, * EXCLUDE (what)
FROM (SELECT DISTINCT what, eye, kind, host, app, access, outcome FROM needed) AS said;

CREATE OR REPLACE TEMP TABLE vantages AS
WITH ranked AS (
  SELECT e.vantage, MIN(s.rank) AS rank
  FROM (SELECT DISTINCT eye AS vantage FROM targets) AS e
  LEFT JOIN sensors AS s ON s.vantage = e.vantage
  GROUP BY e.vantage
)
SELECT vantage, ROW_NUMBER() OVER (ORDER BY COALESCE(rank, $last), vantage) AS vantage_rank FROM ranked;

-- Hours begin where the report zone's clock says so; every offset in use is a multiple of 15 minutes, so the
-- conversion is done once a quarter. Nothing is added up across an hour of that clock or of UTC's (`part_us`).
CREATE OR REPLACE TEMP TABLE hours AS
WITH quarters AS (
  SELECT $first_us // 900000000 + nth AS quarter, make_timestamptz($first_us + nth * 900000000) AS quarter_at
  FROM (SELECT CAST(i AS BIGINT) AS nth FROM range(-192, 96 * ($days + 2)) AS r (i)) AS numbers
),
clock AS (
  SELECT quarter,
         epoch_us(quarter_at - CAST(EXTRACT(minute FROM quarter_at AT TIME ZONE '$zone') AS INTEGER) * INTERVAL '1' MINUTE)
           AS hour_us
  FROM quarters
)
SELECT quarter, hour_us, GREATEST(hour_us, quarter // 4 * 3600000000) AS part_us FROM clock;

CREATE OR REPLACE TEMP TABLE apart AS
SELECT flow FROM inside WHERE flow IS NOT NULL
GROUP BY day, flow, eye
HAVING MIN(began_us) <> MAX(begun_us) OR BOOL_OR(slices > 1 AND slices <> COALESCE(different, 0))
UNION
SELECT flow FROM around WHERE flow IS NOT NULL;

CREATE OR REPLACE TEMP TABLE changes AS
WITH edges AS (
  SELECT place, from_us AS at_us FROM held
  UNION ALL
  SELECT place, to_us FROM held
  UNION ALL
  SELECT place, stale_from_us FROM held WHERE stale_from_us < to_us
)
SELECT DISTINCT HASH(a.site, a.address, h.part_us) AS change
FROM edges AS e
JOIN addresses AS a ON a.place = e.place
JOIN hours AS h ON h.quarter = e.at_us // 900000000
WHERE e.at_us >= $first_us AND e.at_us < $until_us;

CREATE OR REPLACE TEMP TABLE every_event AS
WITH numbered AS (
  SELECT n.*, c.context, t.target, h.hour_us, h.part_us, COALESCE(n.kind = 'dns', false) AS is_lookup,
         n.flow IS NOT NULL AND n.began_us IS NOT NULL AND n.kind IS DISTINCT FROM 'dns' AS connected,
         NOT n.in_day OR n.start_us < 86400000000 OR COALESCE(n.grade NOT BETWEEN 0 AND 255, false)
           OR COALESCE(n.has_details, false)
           OR HASH(n.seen_site, n.client, h.part_us) IN (SELECT change FROM changes) AS alone,
         n.eye <> (SELECT vantage FROM vantages WHERE vantage_rank = 1) OR n.flow IN (SELECT flow FROM apart) AS in_slices
  FROM needed AS n
  JOIN contexts AS c ON c.told = n.who
  JOIN targets AS t ON t.told = n.what
  JOIN hours AS h ON h.quarter = n.start_us // 900000000
),
placed AS (
  SELECT *, alone OR (connected AND in_slices) AS by_itself FROM numbered
),
-- As three numbers, because to group by each column costs more.
pieces AS (
  SELECT *,
         context * 4294967296 + target * 256
           + CASE WHEN connected OR is_lookup OR by_itself THEN 0 ELSE COALESCE(grade, 1) END AS pair,
         CASE WHEN by_itself THEN event_id WHEN is_lookup THEN start_us // 60000000 WHEN connected THEN flow
              ELSE start_us END AS thing,
         CASE WHEN by_itself THEN -day WHEN is_lookup THEN 0 WHEN connected THEN -part_us ELSE end_us END AS until
  FROM placed
)
SELECT MIN(day) AS day, pair // 4294967296 AS context, pair % 4294967296 // 256 AS target, MIN(event_id) AS event_id,
       BOOL_OR(in_day AND has_details) AS has_details,
       BOOL_AND(in_day) AS in_day, MIN(hour_us) AS hour_us, MIN(start_us) AS start_us, MAX(end_us) AS end_us,
       MIN(began_us) AS began_us, MIN(CASE WHEN connected THEN flow END) AS flow, MIN(slice) AS slice,
       MAX(COALESCE(grade, 1)) AS grade,
       CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, CAST(SUM(bytes_down) AS BIGINT) AS bytes_down,
       CAST(SUM(COALESCE(connections, 0)) AS BIGINT) AS connections, CAST(SUM(COALESCE(requests, 0)) AS BIGINT) AS requests,
       CAST(SUM(COALESCE(lookups, 0)) AS BIGINT) AS lookups
FROM pieces
GROUP BY pair, thing, until;

-- What requests said about AI servers (13_servers.sql) and models (15_models.sql), as far as they could be read.
CREATE OR REPLACE TEMP TABLE every_detail AS
SELECT *, epoch_us(seen_at) AS start_us, (epoch_us(seen_at) - $before_us) // 86400000000 AS day,
       COALESCE(site, 'unknown') AS seen_site, COALESCE(client_scope, 'unknown') AS scope,
       COALESCE(connection, event_id) AS request
FROM detailed
WHERE seen_at >= $first_at AND seen_at < $until_at
  AND event_id IN (SELECT event_id FROM every_event WHERE has_details)
