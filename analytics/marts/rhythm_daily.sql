-- Request rhythm by subject, service and day (counting/day_sql/14_rhythm.sql): the input of the view `agents`.
WITH days AS (
  SELECT usage_key, subject_kind, day, MIN(hour_us) AS hour_us, COUNT(*) AS requests, COUNT(gap_s) AS gaps,
         COUNT(CASE WHEN gap_s < 10 THEN 1 END) AS short_gaps, COUNT(bytes_before) AS compared,
         COUNT(CASE WHEN bytes_up > bytes_before THEN 1 END) AS larger,
         MIN(bytes_up) AS bytes_up_least, MAX(bytes_up) AS bytes_up_most,
         COUNT(CASE WHEN program THEN 1 END) AS program_requests
  FROM rhythm
  GROUP BY usage_key, subject_kind, day
)
SELECT d.usage_key // 67108864 % 8 AS counted_day,
       make_timestamptz(d.hour_us) AS hour, s.subject, d.subject_kind, a.app,
       CAST(d.requests AS BIGINT) AS requests, CAST(d.gaps AS BIGINT) AS gaps,
       CAST(d.short_gaps AS BIGINT) AS short_gaps, CAST(d.compared AS BIGINT) AS compared,
       CAST(d.larger AS BIGINT) AS larger,
       CAST(d.bytes_up_least AS BIGINT) AS bytes_up_least, CAST(d.bytes_up_most AS BIGINT) AS bytes_up_most,
       CAST(d.program_requests AS BIGINT) AS program_requests
FROM days AS d
JOIN subjects AS s ON s.subject_id = d.usage_key // 536870912
JOIN (SELECT DISTINCT app_id, app FROM target_codes) AS a ON a.app_id = d.usage_key % 16777216
ORDER BY counted_day, s.subject, a.app, d.subject_kind, d.day
