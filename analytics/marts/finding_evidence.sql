-- The rows behind each finding: who it was, and the figures that triggered it.
SELECT CAST('$week' AS DATE) AS week, finding, rule, app, scope, subject, day, bytes_up, bytes_up_max, sessions,
       measure, expected, allowed, because, server, server_port
FROM found
ORDER BY finding, subject, day, server, server_port
