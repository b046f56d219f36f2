SELECT site, address, mac, user_name, device, valid_from, valid_to, origin, confidence, shared, closed
FROM stored.leases
