-- One row per control and kind of finding; control_evidence counts over all weeks, this over those of the period.
WITH looked AS (
    SELECT e.rule, COUNT(*) AS weeks
    FROM evaluations e
    JOIN scope s ON e.week BETWEEN s.first_day AND s.last_day
    WHERE e.evaluable
    GROUP BY e.rule
),
first AS (  -- a later decision does not undo that somebody had decided
    SELECT finding, MIN(decided_at) AS decided_at
    FROM decisions
    GROUP BY finding
),
found AS (
    SELECT f.rule, COUNT(*) AS findings,
           COUNT(*) FILTER (CAST(d.decided_at AT TIME ZONE s.zone AS DATE) <= s.last_day) AS decided
    FROM findings f
    JOIN scope s ON f.first_seen <= s.last_day AND f.last_seen >= s.first_day
    LEFT JOIN first d ON d.finding = f.finding
    GROUP BY f.rule
)
SELECT c.framework, c.control, c.title, c.evidence, CAST(COALESCE(l.weeks, 0) AS BIGINT) AS weeks_evaluated,
       CAST(COALESCE(f.findings, 0) AS BIGINT) AS findings, CAST(COALESCE(f.decided, 0) AS BIGINT) AS findings_decided
FROM control_evidence c
LEFT JOIN looked l ON l.rule = c.rule
LEFT JOIN found f ON f.rule = c.rule
ORDER BY c.framework, c.control, c.evidence
