-- Models that were downloaded and data that was uploaded to services, as far as requests could be read.
--
-- In:  details, attributed, facets.
-- Out: model_requests, one row per request or slice, of the vantage and source that saw most bytes of the request.
CREATE OR REPLACE TEMP VIEW model_requests AS
WITH slices AS (
  SELECT *,
         ROW_NUMBER() OVER (PARTITION BY day, request, vantage, source, slice ORDER BY bytes_down DESC NULLS LAST, event_id) AS nth
  FROM details
  WHERE of_model
),
seen AS (
  SELECT *, SUM(bytes_down) OVER (PARTITION BY day, request, vantage, source) AS seen_bytes FROM slices WHERE nth = 1
),
ranked AS (
  SELECT *, RANK() OVER (PARTITION BY day, request ORDER BY seen_bytes DESC NULLS LAST, vantage, source) AS nth_source FROM seen
)
SELECT f.counted_day, CAST(make_timestamptz(e.start_us) AT TIME ZONE '$zone' AS DATE) AS day,
       e.seen_site AS site, e.app, e.access, e.server, e.server_port,
       COALESCE(e.server_scope, 'unknown') AS server_scope,
       f.subject, f.subject_kind, f.department, e.repository, e.revision, e.model_file, e.model_format, e.format_from,
       e.hands_over, e.bytes_up, e.bytes_down, e.request AS connection
FROM ranked AS e
JOIN attributed AS a ON a.event_id = e.event_id AND a.vantage_day % 8 = e.day
JOIN facets AS f ON f.facet = a.facet
WHERE e.nth_source = 1
