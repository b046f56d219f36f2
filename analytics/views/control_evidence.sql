-- Evidence for a control, never a verdict about it: what its rules looked at and found. A week that is not over may yet
-- be evaluable.
WITH looked AS (
  SELECT rule,
         CAST(SUM(CASE WHEN evaluable THEN 1 ELSE 0 END) AS BIGINT) AS weeks_evaluated,
         CAST(SUM(CASE WHEN NOT evaluable AND horizon >= CAST(week + 6 AS DATE) THEN 1 ELSE 0 END) AS BIGINT)
           AS weeks_not_evaluable,
         MAX(CASE WHEN evaluable THEN week END) AS last_evaluated
  FROM stored.evaluations_weekly
  GROUP BY rule
),
found AS (
  SELECT rule, CAST(COUNT(DISTINCT finding) AS BIGINT) AS findings, MAX(week) AS last_found
  FROM stored.findings_weekly
  GROUP BY rule
),
decided AS (
  SELECT f.rule, CAST(COUNT(DISTINCT d.finding) AS BIGINT) AS findings_decided
  FROM stored.decisions AS d
  JOIN (SELECT DISTINCT finding, rule FROM stored.findings_weekly) AS f ON f.finding = d.finding
  GROUP BY f.rule
)
SELECT c.framework, c.edition, c.control, c.title, c.reference, c.rule, r.title AS evidence,
       COALESCE(l.weeks_evaluated, 0) AS weeks_evaluated, COALESCE(l.weeks_not_evaluable, 0) AS weeks_not_evaluable,
       l.last_evaluated, COALESCE(f.findings, 0) AS findings, COALESCE(d.findings_decided, 0) AS findings_decided,
       f.last_found
FROM stored.controls AS c
JOIN stored.rules AS r ON r.rule = c.rule
LEFT JOIN looked AS l ON l.rule = c.rule
LEFT JOIN found AS f ON f.rule = c.rule
LEFT JOIN decided AS d ON d.rule = c.rule
ORDER BY c.nth, c.rule
