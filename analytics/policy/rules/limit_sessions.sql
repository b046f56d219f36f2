-- A person opened more connections and requests to a service in a day than the limit.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       SUM(sessions) AS measure, amount AS allowed,
       CAST(SUM(sessions) AS BIGINT) || ' sessions; allowed ' || amount AS because,
       MIN(owner) AS owner, line
FROM judged
WHERE kind = 'sessions_per_day' AND NOT excused
GROUP BY app, scope, subject, day, line, amount
HAVING SUM(sessions) > amount
