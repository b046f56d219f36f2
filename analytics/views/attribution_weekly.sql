SELECT week, connections, attributed_connections, bytes_up, attributed_bytes_up
FROM stored.attribution_weekly
ORDER BY week
