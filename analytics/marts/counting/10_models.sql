-- Models that were fetched and data that was left with services, as far as requests could be read.
--
-- In:  pieces, events, attributed, facets.  Out: at_models, one row per request or slice: of several eyes the one that saw most.
CREATE OR REPLACE TEMP TABLE at_models AS
WITH met AS (
  SELECT *, COALESCE(connection, event_id) AS request,
         ROW_NUMBER() OVER (PARTITION BY COALESCE(connection, event_id), slice ORDER BY bytes_down DESC NULLS LAST, event_id) AS nth
  FROM pieces
  WHERE in_day AND grade >= 3 AND kind <> 'dns' AND outcome <> 'blocked'
    AND (repository IS NOT NULL OR model_format IS NOT NULL OR hands_over IS NOT NULL)
)
SELECT CAST(make_timestamptz(e.start_us) AT TIME ZONE '$zone' AS DATE) AS day,
       e.seen_site AS site, e.app, e.access, e.server, e.server_port, COALESCE(e.server_scope, 'unknown') AS server_scope,
       f.subject, f.subject_kind, f.department, e.repository, e.revision, e.model_file, e.model_format, e.format_from,
       e.hands_over, e.bytes_up, e.bytes_down, e.request AS connection
FROM met AS e
JOIN events AS v ON v.pair = e.pair AND v.thing = e.thing AND v.until = e.until
JOIN attributed AS a ON a.event_id = v.event_id
JOIN facets AS f ON f.facet = a.facet
WHERE e.nth = 1
