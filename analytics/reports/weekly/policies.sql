-- One row per version of the policy whose lines are in force.
SELECT b.policy_version, CAST(COUNT(CASE WHEN b.kind <> 'owner' THEN 1 END) AS BIGINT) AS lines, MAX(b.owner_of_all) AS owner
FROM (
    SELECT policy_version, kind, CASE WHEN kind = 'owner' THEN owner END AS owner_of_all FROM policy
    UNION ALL
    SELECT policy_version, 'exception', NULL FROM exceptions
) AS b
GROUP BY b.policy_version
ORDER BY b.policy_version
