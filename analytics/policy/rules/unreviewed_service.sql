-- A service without a decision in the policy: no status, and no word that it must never be used.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'no line of the policy is about it' AS because
FROM judged
WHERE kind = 'status' AND status = 'unreviewed' AND NOT excused
  AND nr NOT IN (SELECT nr FROM judged WHERE kind = 'never')
GROUP BY app, scope, subject, day
