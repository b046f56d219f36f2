-- Original − superseded + restated: `sightings` has the right side already, this has both.
SELECT event_id, seen_at, site, client, user_name, restated_at, stored_version, old_version,
       old_signature, old_app, old_access, old_role, old_grade,
       signature, app, access, role, confidence, name_from, path, grade, catalog_version,
       bytes_up, bytes_down, connections, lookups
FROM stored.restated
