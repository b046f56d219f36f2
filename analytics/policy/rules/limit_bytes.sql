-- A person sent more in a day than the limit, above the baseline of the service.
WITH days AS (
  SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions, MIN(amount) AS allowed,
         MIN(owner) AS owner, MIN(line) AS line
  FROM judged
  WHERE kind = 'bytes_up_per_day' AND NOT excused
  GROUP BY app, scope, subject, day
),
visits AS (
  SELECT app, subject, day, SUM(baseline) AS baseline
  FROM (SELECT app, subject, day, hour, MAX(baseline) AS baseline FROM used GROUP BY app, subject, day, hour) AS hours
  GROUP BY app, subject, day
)
SELECT d.app, d.scope, d.subject, d.day, d.bytes_up, d.bytes_up_max, d.sessions,
       d.bytes_up - v.baseline AS measure, v.baseline AS expected, d.allowed,
       CAST(d.bytes_up AS BIGINT) || ' bytes sent, ' || CAST(v.baseline AS BIGINT) || ' of them the baseline; allowed '
         || d.allowed AS because,
       d.owner, d.line
FROM days AS d
JOIN visits AS v ON v.app = d.app AND v.subject = d.subject AND v.day = d.day
WHERE d.bytes_up - v.baseline > d.allowed
