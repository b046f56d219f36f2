SELECT user_name, device, mac, kind, department, site, valid_from, valid_to, origin, confidence
FROM stored.directory
