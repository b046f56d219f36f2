-- One row per control of a framework and kind of finding that is evidence for it.
SELECT framework, edition, control, title, evidence, weeks_evaluated, weeks_not_evaluable, last_evaluated, findings,
       findings_decided
FROM control_evidence
ORDER BY framework, edition, control, evidence
