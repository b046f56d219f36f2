SELECT s.key_print, s.key_type,
       MIN(s.seen_at) AS first_seen, MAX(s.seen_at) AS last_seen,
       CAST(COUNT(DISTINCT s.client) AS BIGINT) AS clients,
       CAST(COUNT(DISTINCT s.app) AS BIGINT) AS services,
       CAST(COUNT(DISTINCT s.event_id) AS BIGINT) AS sightings,
       CAST(COUNT(DISTINCT CASE WHEN s.status IN (401, 403) THEN s.event_id END) AS BIGINT) AS refused
FROM stored.sightings AS s
WHERE s.key_print IS NOT NULL
GROUP BY s.key_print, s.key_type
ORDER BY s.key_print, s.key_type
