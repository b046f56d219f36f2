SELECT framework, edition, control, title, reference, rule, nth FROM compiled_controls ORDER BY nth, rule
