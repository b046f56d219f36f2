SELECT rule, title, severity, severity_rank, question, proposal, due_days, needs_policy, history_weeks, budget_alarms,
       budget_per, budget_what
FROM compiled_rules
ORDER BY rule
