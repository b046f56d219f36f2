-- Data was exchanged with a service that the policy rules out for that person.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'unsanctioned by line ' || MIN(line) AS because, MIN(owner) AS owner, MIN(line) AS line
FROM judged
WHERE kind = 'status' AND status = 'unsanctioned' AND NOT excused
GROUP BY app, scope, subject, day
