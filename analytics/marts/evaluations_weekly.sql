-- Which rules could be evaluated, and on how much watching: a rule that found nothing where nobody looked
-- has found nothing out.
SELECT CAST('$week' AS DATE) AS week, rule, evaluable, why_not, CAST($watched_minutes AS BIGINT) AS watched_minutes,
       CAST('$horizon' AS DATE) AS horizon, '$policy_version' AS policy_version
FROM evaluated
ORDER BY rule
