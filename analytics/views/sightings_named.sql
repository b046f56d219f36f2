-- Evidence with names: what the marts concluded about each sighting when its day was counted.
SELECT s.event_id, s.seen_at, s.duration_s, s.sensor, s.vantage, s.source, s.kind, n.subject, n.subject_kind, n.user_name,
       n.department, n.home_site, n.attributed_by, n.confidence AS attribution_confidence, s.site, s.segment, s.client,
       s.device, s.host, s.app, COALESCE(c.service, s.app) AS service, c.vendor, c.category, s.access, s.role,
       s.client_class, s.action, s.grade,
       CASE s.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       s.bytes_up, s.bytes_down, s.connections, s.requests, s.lookups, s.connection, s.slice, s.signature, s.confidence,
       s.catalog_version
FROM stored.sightings AS s
LEFT JOIN stored.named_daily AS n ON n.event_id = s.event_id
LEFT JOIN stored.catalog AS c ON c.app = s.app
ORDER BY s.seen_at, s.event_id
