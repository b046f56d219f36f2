-- The findings of the week, as far as they may leave the restricted zone (policy/judging/3_findings.sql).
SELECT CAST('$week' AS DATE) AS week, finding, rule, app, scope, people_at_least, people_hidden, bytes_up,
       bytes_up_max, sessions, measure, allowed, owner, line, review, '$policy_version' AS policy_version
FROM finding_rows
ORDER BY finding
