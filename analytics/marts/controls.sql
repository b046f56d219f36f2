SELECT framework, edition, control, title, rule, nth FROM compiled_controls ORDER BY nth, rule
