SELECT week, connections, attributed_connections, bytes_up, bytes_up_max, attributed_bytes_up,
       attributed_bytes_up_max
FROM stored.attribution_weekly
ORDER BY week
