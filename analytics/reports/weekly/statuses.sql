-- One row per service seen this week or last: what the policy says of it for everyone.
SELECT v.app, CASE WHEN s.never THEN 'unsanctioned' ELSE s.status END AS status, s.line, s.owner, s.varies
FROM services v
JOIN service_status s ON s.app = v.app
ORDER BY v.app
