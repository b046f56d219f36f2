-- Overlapping exports counted once (see stored.py).
SELECT bucket, sensor, site, source, host, domain, lookups, connections, bytes_up, bytes_down, streams, even_streams,
       clients, near_app, near_clients, cname, client_class, first_seen, last_seen
FROM stored.names
