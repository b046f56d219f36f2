SELECT user_name, department, site, valid_from, valid_to, origin
FROM stored.directory
ORDER BY user_name, valid_from
