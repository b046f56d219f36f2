SELECT week, sensor, source, host, domain, first_seen, last_seen, connects, bytes_known
FROM stored.names_weekly
ORDER BY week, sensor, source, host NULLS FIRST
