-- Use of what must never be used. No exception excuses it.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'ruled out by line ' || MIN(line) AS because, MIN(owner) AS owner, MIN(line) AS line
FROM judged
WHERE kind = 'never'
GROUP BY app, scope, subject, day
