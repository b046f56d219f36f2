-- One row per version of the policy whose lines are in force.
SELECT b.policy_version, CAST(COUNT(*) AS BIGINT) AS lines
FROM (SELECT policy_version FROM policy UNION ALL SELECT policy_version FROM exceptions) AS b
GROUP BY b.policy_version
ORDER BY b.policy_version
