-- Who is behind what sightings say of their client (counting/16_named.sql), as usage_hourly counts it.
SELECT counted_day, day, seen_site, client, logged_user, device, outside, from_at, until_at, subject, subject_kind, user_name,
       department, home_site, attributed_by, confidence
FROM named_whiles
ORDER BY counted_day, seen_site, client, logged_user, device, outside, from_at
