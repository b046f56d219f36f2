-- Use of a restricted service by somebody to whom no narrower statement and no exception allows it.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'restricted by line ' || MIN(line) AS because, MIN(owner) AS owner, MIN(line) AS line
FROM judged
WHERE kind = 'status' AND status = 'restricted' AND NOT excused
GROUP BY app, scope, subject, day
