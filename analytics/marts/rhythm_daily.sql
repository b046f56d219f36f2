-- Days of requests to a service (counting/9_rhythm.sql), as the view `agents` weighs them.
SELECT CAST(DATE_TRUNC('hour', make_timestamptz(MIN(from_us))) AS TIMESTAMPTZ) AS hour, subject, subject_kind, app,
       CAST(COUNT(*) AS BIGINT) AS requests,
       CAST(COUNT(gap_s) AS BIGINT) AS gaps,
       CAST(COUNT(CASE WHEN gap_s < 10 THEN 1 END) AS BIGINT) AS short_gaps,
       CAST(COUNT(bytes_before) AS BIGINT) AS compared,
       CAST(COUNT(CASE WHEN bytes_up > bytes_before THEN 1 END) AS BIGINT) AS larger,
       CAST(MIN(bytes_up) AS BIGINT) AS bytes_up_least, CAST(MAX(bytes_up) AS BIGINT) AS bytes_up_most,
       CAST(COUNT(CASE WHEN program THEN 1 END) AS BIGINT) AS program_requests
FROM rhythm
GROUP BY subject, subject_kind, app
ORDER BY subject, app, subject_kind
