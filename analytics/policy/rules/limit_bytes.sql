-- A person sent more in a day than the limit, above the baseline of the service. Each line is about its own use: that
-- for which it is the first match.
WITH hours AS (
  SELECT app, scope, subject, day, hour, line, MAX(owner) AS owner, MAX(amount) AS allowed, SUM(bytes_up) AS bytes_up,
         SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
         MAX(CASE WHEN bytes_up IS NOT NULL THEN baseline ELSE 0 END) AS baseline
  FROM judged
  WHERE kind = 'bytes_up_per_day' AND NOT excused
  GROUP BY app, scope, subject, day, hour, line
),
days AS (
  SELECT app, scope, subject, day, line, MAX(owner) AS owner, MAX(allowed) AS allowed, SUM(bytes_up) AS bytes_up,
         SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions, SUM(baseline) AS baseline
  FROM hours
  GROUP BY app, scope, subject, day, line
)
SELECT app, scope, subject, day, bytes_up, bytes_up_max, sessions, bytes_up - baseline AS measure, baseline AS expected,
       allowed,
       CAST(bytes_up AS BIGINT) || ' bytes sent, ' || CAST(baseline AS BIGINT) || ' of them the baseline; allowed '
         || allowed AS because,
       owner, line
FROM days
WHERE bytes_up - baseline > allowed
