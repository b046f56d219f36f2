-- Somebody's browsing, for some days, where the settings ask for it; without what `rematch` made a sighting of.
SELECT event_id, seen_at, duration_s, sensor, vantage, source, input, kind, grade, action, site, segment, client_scope, client,
       user_name, device, host, name_from, client_class, lookups, connections, requests, bytes_up, bytes_down, catalog_version
FROM stored.names_by_client
WHERE event_id NOT IN (SELECT event_id FROM stored.sightings WHERE hunted)
