-- The headcounts that may be shown.
--
-- In:  week_headcounts_daily, uses, labels.  Out: shown_headcounts.
-- A headcount is shown only if at least k people used nothing; otherwise it could reveal that everybody used something.
-- The smallest of the week decides, because usage_daily has that of each day. The headcount of everyone is shown only
-- if the same holds for all departments without a shown headcount together, because subtraction would reveal theirs.
CREATE OR REPLACE TEMP TABLE shown_headcounts AS
WITH days AS (SELECT day, SUM(headcount) AS headcount FROM week_headcounts_daily GROUP BY day),
staff AS (
  SELECT department, MAX(headcount) AS headcount, MIN(headcount) AS least
  FROM week_headcounts_daily GROUP BY department
),
users AS (
  SELECT department, COUNT(DISTINCT subject) AS people FROM uses
  WHERE grade >= 3 AND subject_kind = 'user' GROUP BY department
),
idle AS (
  SELECT s.department, s.headcount, GREATEST(s.least - COALESCE(u.people, 0), 0) AS people,
         l.department IS NOT NULL AND s.least - COALESCE(u.people, 0) >= $k AS shown
  FROM staff AS s
  LEFT JOIN users AS u ON u.department = s.department
  LEFT JOIN labels AS l
    ON l.department = s.department AND l.label = s.department AND l.label NOT IN ('$other', 'unattributed')
)
SELECT department AS label, headcount FROM idle WHERE shown
UNION ALL
SELECT 'all', (SELECT MAX(headcount) FROM days)
FROM idle
HAVING SUM(people) >= $k AND COALESCE(SUM(CASE WHEN NOT shown THEN people END), $k) >= $k
