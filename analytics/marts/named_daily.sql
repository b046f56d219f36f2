-- The subject behind each client, account and device over time (counting/day_sql/16_named.sql), as usage_hourly counts it.
SELECT counted_day, day, seen_site, client, logged_user, device, outside, from_at, until_at, subject, subject_kind, user_name,
       department, home_site, attributed_by, confidence
FROM named_spans
ORDER BY counted_day, seen_site, client, logged_user, device, outside, from_at
