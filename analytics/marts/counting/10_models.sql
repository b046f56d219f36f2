-- Models that were fetched and data that was left with services, as far as requests could be read.
--
-- In:  events, attributed.  Out: at_models, one row per request or connection: of several eyes the one that saw most.
CREATE OR REPLACE TEMP TABLE at_models AS
WITH met AS (
  SELECT CAST(make_timestamptz(e.start_us) AT TIME ZONE '$zone' AS DATE) AS day,
         e.seen_site AS site, e.app, e.access, e.host, e.server, e.server_port, COALESCE(e.server_scope, 'unknown') AS server_scope,
         a.subject, a.subject_kind, a.department, e.repository, e.revision, e.model_file, e.model_format, e.format_from,
         e.hands_over, e.bytes_up, e.bytes_down, COALESCE(e.connection, e.event_id) AS connection, e.slice, e.event_id
  FROM events AS e
  JOIN attributed AS a ON a.event_id = e.event_id
  WHERE e.in_day AND e.grade >= 3 AND e.kind <> 'dns' AND e.outcome <> 'blocked'
    AND (e.repository IS NOT NULL OR e.model_format IS NOT NULL OR e.hands_over IS NOT NULL)
),
seen AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY connection, slice ORDER BY bytes_down DESC NULLS LAST, event_id) AS nth
  FROM met
)
SELECT * FROM seen WHERE nth = 1
