-- The cube service × department with its totals. Only listed cells leave the restricted zone.
--
-- Beside users, devices or addresses that only looked names up may be theirs: a resolver's log beside a proxy's, which
-- names accounts, would tell of each person twice. Then nobody knows how many people were seen at any grade.
WITH seen AS (
  SELECT subject, MAX(CASE WHEN subject_kind = 'user' THEN 1 ELSE 0 END) AS named, MAX(grade) AS grade
  FROM uses
  GROUP BY subject
),
twice AS (
  SELECT MAX(named) = 1 AND SUM(CASE WHEN named = 0 AND grade < 3 THEN 1 ELSE 0 END) > 0.1 * COUNT(*) AS likely FROM seen
),
sums AS (
  SELECT COALESCE(label_of_app, label, 'all') AS department, COALESCE(app, 'all') AS app,
         MAX(grade) AS grade,
         COUNT(DISTINCT CASE WHEN grade >= 3 THEN subject END) AS people,
         COUNT(DISTINCT subject) AS people_any_grade,
         SUM(CASE WHEN grade >= 3 THEN bytes_up END) AS bytes_up,
         SUM(CASE WHEN grade >= 3 THEN bytes_up_max END) AS bytes_up_max,
         SUM(CASE WHEN grade >= 3 THEN bytes_down END) AS bytes_down,
         SUM(CASE WHEN grade >= 3 THEN connections ELSE 0 END) AS connections,
         SUM(CASE WHEN grade >= 3 THEN requests ELSE 0 END) AS requests,
         SUM(lookups) AS lookups,
         MAX(corroborations) AS corroborations
  FROM uses
  GROUP BY GROUPING SETS ((label_of_app, app), (label), (app), ())
)
SELECT CAST('$week' AS DATE) AS week, s.department, s.app, s.grade,
       CAST(CASE WHEN NOT c.people_hidden THEN s.people END AS BIGINT) AS people,
       c.people_hidden, CAST(CASE WHEN NOT c.any_hidden AND NOT t.likely THEN s.people_any_grade END AS BIGINT) AS people_any_grade,
       CAST(h.headcount AS BIGINT) AS headcount,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up_max END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN NOT c.received_hidden THEN s.bytes_down END AS BIGINT) AS bytes_down,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.connections END AS BIGINT) AS connections,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.requests END AS BIGINT) AS requests,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.lookups END AS BIGINT) AS lookups,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.corroborations END AS BIGINT) AS corroborations
FROM sums AS s
CROSS JOIN twice AS t
JOIN weekly_cells AS c ON c.label = s.department AND c.app = s.app
LEFT JOIN shown_headcounts AS h ON h.label = s.department
ORDER BY s.department, s.app
