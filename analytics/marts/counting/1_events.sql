-- The day's sightings that can count, and those around it that decide how: one row per event.
--
-- In:  sightings (three days, one row per event_id).  Out: events.
-- Times become microseconds, because intervals are compared and added. Support hosts (telemetry,
-- CDN, auth) are not use and leave here. A neighbouring day's row is needed where it reaches into
-- this day, carries on one of its connections, or begins before the day's longest record ends.
CREATE OR REPLACE TEMP TABLE events AS
WITH timed AS (
  SELECT event_id, epoch_us(seen_at) AS start_us,
         epoch_us(seen_at)
           + CAST(LEAST(GREATEST(COALESCE(duration_s, 0), 0), 2592000) * 1000000 AS BIGINT) AS end_us,
         epoch_us(started_at) AS began_us,
         COALESCE(vantage, sensor, 'unknown') AS vantage, kind, COALESCE(grade, 1) AS grade,
         COALESCE(site, 'unknown') AS seen_site, segment, client_class,
         COALESCE(client_scope, 'unknown') AS client_scope,
         client, user_name, device, host, app, access, flow, slice,
         -- of models and data (10_models.sql)
         repository, revision, model_file, model_format, format_from, hands_over,
         -- of AI servers (8_servers.sql)
         server_segment, server_version,
         server, server_port, server_scope, connection, path, status, credential, mcp_version, mcp_methods, mcp_client, mcp_server, mcp_tools,
         key_type, key_print,
         bytes_up, bytes_down, COALESCE(connections, 0) AS connections,
         COALESCE(requests, 0) AS requests, COALESCE(lookups, 0) AS lookups,
         CASE WHEN COALESCE(action, 'unknown') = 'blocked' THEN 'blocked'
              WHEN role = 'embedded' THEN 'embedded' ELSE 'use' END AS outcome
  FROM sightings
  WHERE seen_at IS NOT NULL AND app IS NOT NULL
    AND (role = 'use' OR (role = 'embedded' AND COALESCE(action, 'unknown') <> 'blocked'))
),
flows_today AS (
  SELECT DISTINCT flow FROM timed WHERE flow IS NOT NULL AND start_us >= $day_start AND start_us < $day_end
),
longest AS (SELECT MAX(end_us) AS end_us FROM timed WHERE start_us >= $day_start AND start_us < $day_end)
SELECT *, start_us >= $day_start AND start_us < $day_end AS in_day
FROM timed
WHERE (start_us >= $day_start AND start_us < $day_end)
   OR (start_us < $day_start AND end_us >= $day_start - $tolerance)
   OR (start_us >= $day_end AND start_us < (SELECT end_us FROM longest))
   OR (began_us < $day_end AND flow IN (SELECT flow FROM flows_today))
