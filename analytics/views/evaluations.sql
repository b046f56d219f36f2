SELECT week, rule, evaluable, why_not, watched_minutes, horizon, policy_version
FROM stored.evaluations_weekly
ORDER BY week, rule
