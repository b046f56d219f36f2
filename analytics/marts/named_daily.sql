-- Who is behind each sighting of a day, as usage_hourly counts it.
SELECT a.event_id, f.subject, f.subject_kind, f.user_name, f.department, f.site AS home_site, f.attributed_by, f.confidence
FROM attributed AS a
JOIN facets AS f ON f.facet = a.facet
WHERE a.in_day
ORDER BY a.start_us, a.event_id
