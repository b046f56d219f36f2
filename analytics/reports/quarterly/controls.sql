-- One row per control and kind of finding.
SELECT framework, control, title, evidence, weeks_evaluated, findings, findings_decided
FROM control_evidence
ORDER BY framework, control, evidence
