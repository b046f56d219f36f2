SELECT user_name, sealed, valid_from, valid_to
FROM stored.counting
