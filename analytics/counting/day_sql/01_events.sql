-- The sightings of some days that count as use or attempts, and those of the neighbouring days that affect them.
--
-- In:  sightings (these days and one more on either side, one row per event_id), sensors; held, addresses (holder_sql/).
-- Out: every_event (`day`: number of the day it is needed for), neighbour_rows, contexts, targets, vantages;
--      every_detail (rows with details of servers or models).
-- Consecutive days are read together, so that lookups are done once and no day is read again as a neighbour. Each day
-- is still counted independently (02_days.sql).
-- Most rows of a day share their client (`context`) and what was used (`target`). Both are encoded as integers and
-- evaluated once. Times become microseconds, because intervals are compared and added.
-- Two programs (`made_by`) at one vantage, such as Zeek and Suricata at one mirror port, are ranked like two vantages:
-- they cut connections into different rows, which cannot be compared one by one. Ours comes first (it cuts captures and
-- live traffic alike), Zeek before others: Suricata does not always tell name and volume of a connection as one.
-- So are two sensors that see lookups: their clocks differ, so that nothing else tells that a question is the same.
-- A duration of NaN becomes NULL: Parquet statistics leave NaN out, so that a filter on them would lose the row.
-- Support hosts (telemetry, CDN, auth) are not use and are dropped here. A row of a neighbouring day is needed if it
-- reaches into this day, continues a connection of this day, or begins before the longest record of this day ends.
--
-- Rows that end up in the same sum are added up here, once, so that later steps read few rows. An event is
--   the slices of a connection in an hour, as the best-ranked vantage saw them: no other vantage can have precedence;
--   the lookups of a minute;
--   records without a connection that begin and end at the same time;
--   else a single row: outside the day; of a worse vantage; of a connection with two rows for one slice, with two
--   start times, or continued outside the day; in an hour in which the holder of the address changes; with details.
CREATE OR REPLACE TEMP VIEW detailed AS
SELECT *, kind IN ('http', 'flow', 'proxy') AND NOT (kind = 'http' AND COALESCE(decrypted, FALSE)) AS is_open,
       app LIKE 'behaviours/%' OR access = 'mcp' OR mcp_version IS NOT NULL OR mcp_methods IS NOT NULL
         OR (key_type IS NOT NULL AND is_open) AS of_server,
       repository IS NOT NULL OR model_format IS NOT NULL OR hands_over IS NOT NULL AS of_model
FROM sightings;

CREATE OR REPLACE TEMP VIEW seen AS
SELECT event_id, seen_at, epoch_us(seen_at) AS start_us, (epoch_us(seen_at) - $before_us) // 86400000000 AS day,
       epoch_us(seen_at)
         + CAST(CASE WHEN ISNAN(duration_s) THEN 0
                     ELSE LEAST(GREATEST(COALESCE(duration_s, 0), 0), 2592000) END * 1000000
                AS BIGINT) AS end_us,
       epoch_us(started_at) AS began_us, flow, slice, grade, bytes_up, bytes_down, connections, requests, lookups,
       COALESCE(site, 'unknown') AS seen_site, segment, client_class, COALESCE(client_scope, 'unknown') AS scope,
       client, user_name, device, COALESCE(vantage, sensor, 'unknown') AS vantage,
       CASE WHEN kind = 'dns' THEN '/' || COALESCE(sensor, '') || '/' ELSE '' END
         || CASE WHEN source IN ('pcap', 'live') THEN '' ELSE COALESCE(source, '') END AS made_by,
       kind, host, app, access,
       CASE WHEN COALESCE(action, 'unknown') = 'blocked' THEN 'blocked'
            WHEN role = 'embedded' THEN 'embedded' ELSE 'use' END AS outcome,
       COALESCE(action, 'unknown') <> 'blocked' AND grade >= 3 AND kind <> 'dns'
         AND (of_server OR of_model) AS has_details
FROM detailed
WHERE seen_at IS NOT NULL AND app IS NOT NULL
  AND (role = 'use' OR (role = 'embedded' AND COALESCE(action, 'unknown') <> 'blocked'));

-- By connection, program (`made_by`) and block of 62 slices: the number of rows, and of distinct slices.
CREATE OR REPLACE TEMP TABLE day_slices AS
SELECT day, flow, vantage, made_by, slice // 62 AS slice_block, MIN(began_us) AS began_us,
       MAX(began_us) AS last_began_us, MAX(end_us) AS end_us, COUNT(*) AS slices,
       BIT_COUNT(BIT_OR(CASE WHEN slice >= 0 THEN CAST(1 AS BIGINT) << (slice % 62) END)) AS distinct_slices
FROM seen
WHERE seen_at >= $first_at AND seen_at < $until_at
GROUP BY day, flow, vantage, made_by, slice // 62;

-- The rows that each day needs of the day before and the day after.
CREATE OR REPLACE TEMP TABLE neighbour_events AS
WITH started_before AS (
  SELECT DISTINCT flow, day - 1 AS day FROM day_slices
  WHERE flow IS NOT NULL AND began_us <= $first_us + (day - 1) * 86400000000 + $tolerance
),
day_ends AS (SELECT day + 1 AS day, MAX(end_us) AS end_us FROM day_slices GROUP BY day),
candidates AS MATERIALIZED (
  SELECT s.event_id, s.day, s.flow, $first_us + (s.day - 1) * 86400000000 AS midnight_us, s.start_us, s.end_us,
         s.began_us,
         l.end_us AS longest_us
  FROM seen AS s
  LEFT JOIN day_ends AS l ON l.day = s.day
  WHERE s.end_us >= $first_us + s.day * 86400000000 - $tolerance OR s.began_us < $first_us + (s.day - 1) * 86400000000
     OR s.start_us < l.end_us OR s.flow IN (SELECT flow FROM started_before)
)
SELECT event_id, day + 1 AS day
FROM candidates
WHERE day + 1 <= $days
  AND (end_us >= midnight_us + 86400000000 - $tolerance OR (flow, day) IN (SELECT (flow, day) FROM started_before))
UNION ALL
SELECT event_id, day - 1
FROM candidates
WHERE day - 1 >= 1
  AND (start_us < longest_us
       OR (began_us < midnight_us AND (flow, day - 1) IN (SELECT (flow, day) FROM day_slices WHERE flow IS NOT NULL)));

CREATE OR REPLACE TEMP TABLE neighbour_rows AS
SELECT s.* EXCLUDE (day), r.day FROM seen AS s JOIN neighbour_events AS r ON r.event_id = s.event_id;

-- Contexts and targets are joined by hash; days.py checks that no two share one.
CREATE OR REPLACE TEMP VIEW needed AS
WITH rows AS (
  SELECT *, true AS in_day FROM seen WHERE seen_at >= $first_at AND seen_at < $until_at
  UNION ALL BY NAME
  SELECT *, false AS in_day FROM neighbour_rows
)
SELECT *, HASH($salt, seen_site, segment, client_class, scope, client, user_name, device) AS context_hash,
       HASH($salt, vantage, made_by, kind, host, app, access, outcome) AS target_hash
FROM rows;

CREATE OR REPLACE TEMP TABLE contexts AS
SELECT ROW_NUMBER() OVER () AS context, context_hash AS content_hash, * EXCLUDE (context_hash)
FROM (SELECT DISTINCT context_hash, seen_site, segment, client_class, scope, client, user_name, device
      FROM needed) AS distinct_contexts;

CREATE OR REPLACE TEMP TABLE targets AS
SELECT ROW_NUMBER() OVER () AS target, target_hash AS content_hash, * EXCLUDE (target_hash)
FROM (SELECT DISTINCT target_hash, vantage, made_by, kind, host, app, access, outcome FROM needed) AS distinct_targets;

CREATE OR REPLACE TEMP TABLE vantages AS
WITH ranked AS (
  SELECT e.vantage, e.made_by, MIN(s.rank) AS rank
  FROM (SELECT DISTINCT vantage, made_by FROM targets) AS e
  LEFT JOIN sensors AS s ON s.vantage = e.vantage
  GROUP BY e.vantage, e.made_by
)
SELECT vantage, made_by,
       ROW_NUMBER() OVER (ORDER BY COALESCE(rank, $default_rank), vantage, made_by <> '', made_by NOT LIKE '%zeek%', made_by)
         AS vantage_rank
FROM ranked;

-- Hours are those of the report zone. Every UTC offset in use is a multiple of 15 minutes, so each quarter of an hour
-- is converted once. No event spans an hour boundary of the report zone or of UTC (`part_us`).
CREATE OR REPLACE TEMP TABLE hours AS
WITH quarters AS (
  SELECT $first_us // 900000000 + nth AS quarter, make_timestamptz($first_us + nth * 900000000) AS quarter_at
  FROM (SELECT CAST(i AS BIGINT) AS nth FROM range(-192, 96 * ($days + 2)) AS r (i)) AS numbers
),
clock AS (
  SELECT quarter,
         epoch_us(quarter_at
                  - CAST(EXTRACT(minute FROM quarter_at AT TIME ZONE '$zone') AS INTEGER) * INTERVAL '1' MINUTE)
           AS hour_us
  FROM quarters
)
SELECT quarter, hour_us, GREATEST(hour_us, quarter // 4 * 3600000000) AS part_us FROM clock;

CREATE OR REPLACE TEMP TABLE irregular_flows AS
SELECT flow FROM day_slices WHERE flow IS NOT NULL
GROUP BY day, flow, vantage, made_by
HAVING MIN(began_us) <> MAX(last_began_us) OR BOOL_OR(slices > 1 AND slices <> COALESCE(distinct_slices, 0))
UNION
SELECT flow FROM neighbour_rows WHERE flow IS NOT NULL;

CREATE OR REPLACE TEMP TABLE rebound_hours AS
WITH edges AS (
  SELECT address_id, from_us AS at_us FROM held
  UNION ALL
  SELECT address_id, to_us FROM held
  UNION ALL
  SELECT address_id, stale_from_us FROM held WHERE stale_from_us < to_us
)
SELECT DISTINCT HASH(a.site, a.address, h.part_us) AS rebound_hour
FROM edges AS e
JOIN addresses AS a ON a.address_id = e.address_id
JOIN hours AS h ON h.quarter = e.at_us // 900000000
WHERE e.at_us >= $first_us AND e.at_us < $until_us;

CREATE OR REPLACE TEMP TABLE every_event AS
WITH numbered AS (
  SELECT n.*, c.context, t.target, h.hour_us, h.part_us, COALESCE(n.kind = 'dns', false) AS is_lookup,
         n.flow IS NOT NULL AND n.began_us IS NOT NULL AND n.kind IS DISTINCT FROM 'dns' AS connected,
         NOT n.in_day OR n.start_us < 86400000000 OR COALESCE(n.grade NOT BETWEEN 0 AND 255, false)
           OR COALESCE(n.has_details, false)
           OR HASH(n.seen_site, n.client, h.part_us) IN (SELECT rebound_hour FROM rebound_hours) AS must_stay_single,
         (n.vantage, n.made_by) <> (SELECT (vantage, made_by) FROM vantages WHERE vantage_rank = 1)
           OR n.flow IN (SELECT flow FROM irregular_flows) AS may_overlap
  FROM needed AS n
  JOIN contexts AS c ON c.content_hash = n.context_hash
  JOIN targets AS t ON t.content_hash = n.target_hash
  JOIN hours AS h ON h.quarter = n.start_us // 900000000
),
placed AS (
  SELECT *, must_stay_single OR (connected AND may_overlap) AS is_single FROM numbered
),
-- Three integer keys, because grouping by every column costs more.
pieces AS (
  SELECT *,
         context * 4294967296 + target * 256
           + CASE WHEN connected OR is_lookup OR is_single THEN 0 ELSE COALESCE(grade, 1) END AS context_target_grade,
         CASE WHEN is_single THEN event_id WHEN is_lookup THEN start_us // 60000000 WHEN connected THEN flow
              ELSE start_us END AS group_key,
         CASE WHEN is_single THEN -day WHEN is_lookup THEN 0 WHEN connected THEN -part_us ELSE end_us END AS end_key
  FROM placed
)
SELECT MIN(day) AS day, context_target_grade // 4294967296 AS context,
       context_target_grade % 4294967296 // 256 AS target, MIN(event_id) AS event_id,
       BOOL_OR(in_day AND has_details) AS has_details,
       BOOL_AND(in_day) AS in_day, MIN(hour_us) AS hour_us, MIN(start_us) AS start_us, MAX(end_us) AS end_us,
       MIN(began_us) AS began_us, MIN(CASE WHEN connected THEN flow END) AS flow, MIN(slice) AS slice,
       MAX(COALESCE(grade, 1)) AS grade,
       TRY_CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, TRY_CAST(SUM(bytes_down) AS BIGINT) AS bytes_down,
       CAST(SUM(COALESCE(connections, 0)) AS BIGINT) AS connections,
       CAST(SUM(COALESCE(requests, 0)) AS BIGINT) AS requests,
       CAST(SUM(COALESCE(lookups, 0)) AS BIGINT) AS lookups
FROM pieces
GROUP BY context_target_grade, group_key, end_key;

-- Readable details of requests to AI servers (13_servers.sql) and for models (15_models.sql). `request` is the same for all
-- rows of a connection, whichever sensors saw it: clocks differ, so that only ids of one sensor are equal (09_records.sql).
CREATE OR REPLACE TEMP TABLE every_detail AS
WITH chosen AS (
  SELECT *, epoch_us(seen_at) AS start_us, (epoch_us(seen_at) - $before_us) // 86400000000 AS day,
         COALESCE(site, 'unknown') AS seen_site, COALESCE(client_scope, 'unknown') AS scope,
         epoch_us(started_at) - LAG(epoch_us(started_at)) OVER (
           PARTITION BY (epoch_us(seen_at) - $before_us) // 86400000000, flow ORDER BY started_at, event_id
         ) AS later_us
  FROM detailed
  WHERE seen_at >= $first_at AND seen_at < $until_at
    AND event_id IN (SELECT event_id FROM every_event WHERE has_details)
)
SELECT * EXCLUDE (later_us),
       CASE WHEN flow IS NULL OR started_at IS NULL THEN HASH(COALESCE(connection, event_id))
            ELSE HASH(flow, SUM(CASE WHEN later_us <= $tolerance THEN 0 ELSE 1 END)
              OVER (PARTITION BY day, flow ORDER BY started_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))
       END AS request
FROM chosen
