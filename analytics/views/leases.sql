SELECT site, address, mac, user_name, device, valid_from, valid_to, origin, confidence, shared, closed
FROM stored.leases
ORDER BY site, address, valid_from, origin, user_name, device
