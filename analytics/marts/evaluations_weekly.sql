-- Which rules could be evaluated, and how much of the time was watched. No finding in unwatched time proves nothing.
SELECT CAST('$week' AS DATE) AS week, rule, evaluable, why_not, CAST($watched_minutes AS BIGINT) AS watched_minutes,
       CAST('$horizon' AS DATE) AS horizon, '$policy_version' AS policy_version
FROM evaluated
ORDER BY rule
