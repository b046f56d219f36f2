SELECT hour, subject, subject_kind, user_name, department, site, segment, app, access, client_class, grade,
       bytes_up, bytes_up_max, bytes_down, connections, requests, lookups, corroborations,
       attributed_by, confidence
FROM stored.usage_hourly
