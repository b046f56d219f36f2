-- A service without a decision in the policy.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'no line of the policy is about it' AS because
FROM judged
WHERE kind = 'status' AND status = 'unreviewed' AND NOT excused AND lapsed IS NULL
GROUP BY app, scope, subject, day
