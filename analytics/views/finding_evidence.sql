SELECT week, finding, rule, app, scope, subject, day, bytes_up, bytes_up_max, sessions, measure, expected, allowed,
       because, server, server_port
FROM stored.finding_evidence
ORDER BY week, finding, subject, day, server, server_port
