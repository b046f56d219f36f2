-- A program or agent used a service that is for people only.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       SUM(sessions) AS measure, 0 AS allowed,
       CAST(SUM(sessions) AS BIGINT) || ' sessions of programs; line ' || MIN(line) || ' allows none' AS because,
       MIN(owner) AS owner, MIN(line) AS line
FROM judged
WHERE kind = 'programs' AND program AND NOT excused
GROUP BY app, scope, subject, day
