-- A key that is refused after it was last accepted has expired or was withdrawn.
WITH sent AS (
  SELECT *, MAX(CASE WHEN status BETWEEN 200 AND 299 THEN seen_at END) OVER (PARTITION BY key_print, key_type) AS accepted_at
  FROM stored.sightings
  WHERE key_print IS NOT NULL
)
SELECT s.key_print, s.key_type,
       MIN(s.seen_at) AS first_seen, MAX(s.seen_at) AS last_seen,
       CAST(COUNT(DISTINCT s.client) AS BIGINT) AS clients,
       CAST(COUNT(DISTINCT s.app) AS BIGINT) AS services,
       CAST(COUNT(DISTINCT s.event_id) AS BIGINT) AS sightings,
       CAST(COUNT(DISTINCT CASE WHEN s.kind <> 'http' OR s.decrypted IS NOT TRUE THEN s.event_id END) AS BIGINT) AS in_clear,
       CAST(COUNT(DISTINCT CASE WHEN s.status IN (401, 403) THEN s.event_id END) AS BIGINT) AS refused,
       MIN(CASE WHEN s.status IN (401, 403) AND s.seen_at > s.accepted_at THEN s.seen_at END) AS refused_since
FROM sent AS s
GROUP BY s.key_print, s.key_type
ORDER BY s.key_print, s.key_type
