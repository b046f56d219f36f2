-- The findings of the week, as far as they may leave the restricted zone (policy/judging/3_findings.sql), and since when
-- they can be known: a policy, a rule or a log may come long after the use.
SELECT CAST('$week' AS DATE) AS week, f.finding, rule, app, scope, people_at_least, people_hidden, bytes_up,
       bytes_up_max, sessions, measure, allowed, owner, line, review, '$policy_version' AS policy_version,
       CASE WHEN k.finding IS NULL THEN CAST('$today' AS DATE) ELSE k.found_on END AS found_on
FROM finding_rows AS f
LEFT JOIN known_findings AS k ON k.finding = f.finding
ORDER BY f.finding
