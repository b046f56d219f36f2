-- How much of the week's use is attributed to a named account.
--
-- Total minus attributed is a figure about the people set apart: those without a name. It must be about none or at
-- least k. Where they are fewer, the people they lack are drawn from the row of the cubes (`label`) with most named
-- people and set apart, too: the attributed figures are lower bounds then (`exact` is false). The cubes know rows only,
-- and in each row that is touched, none or at least k named people are left; so whatever is added or subtracted is
-- about at least k. Where too few would be left, the row of those without a name is set apart as it is: what the other
-- rows add up to, anyone could compute before.
--
-- People are drawn by token, not by use: the sum of those who use least would nearly be that of the ones without a
-- name, and a week that is published again must draw the same.
WITH people AS (
  SELECT subject, label, subject_kind = 'user' AS named,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max
  FROM uses
  WHERE grade >= 3
  GROUP BY subject, label, subject_kind
),
sizes AS (
  SELECT label, SUM(CASE WHEN named THEN 1 ELSE 0 END) AS named, SUM(CASE WHEN named THEN 0 ELSE 1 END) AS unnamed
  FROM people
  GROUP BY label
),
drawn_from AS (SELECT label, named FROM sizes ORDER BY named DESC, label LIMIT 1),
-- One row, since whoever has no name has no department; none where everybody has a name.
unnamed AS (
  SELECT u.label, d.label AS drawn_from, GREATEST($k - u.unnamed, 0) AS lacking,
         u.named BETWEEN 1 AND $k - 1 OR (u.unnamed < $k AND d.named - ($k - u.unnamed) < $k) AS is_whole
  FROM sizes AS u
  CROSS JOIN drawn_from AS d
  WHERE u.unnamed > 0
),
parts AS (
  SELECT p.*, COALESCE(p.label IN (u.label, u.drawn_from), false) AS touched,
         COALESCE(CASE WHEN u.is_whole THEN p.label = u.label
                       ELSE NOT p.named OR (p.label = u.drawn_from AND p.nth <= u.lacking) END, false) AS apart
  FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY label, named ORDER BY subject) AS nth FROM people) AS p
  LEFT JOIN unnamed AS u ON true
),
evenness AS (
  SELECT MAX(bytes_up) <= $dominance * SUM(bytes_up) AND MAX(bytes_up_max) <= $dominance * SUM(bytes_up_max) AS even
  FROM parts
  GROUP BY touched, apart
),
sums AS (
  SELECT BOOL_AND(NOT (apart AND named)) AS exact,
         SUM(connections) AS connections,
         SUM(CASE WHEN apart THEN 0 ELSE connections END) AS attributed_connections,
         SUM(bytes_up) AS bytes_up,
         SUM(bytes_up_max) AS bytes_up_max,
         SUM(CASE WHEN NOT apart THEN bytes_up END) AS attributed_bytes_up,
         SUM(CASE WHEN NOT apart THEN bytes_up_max END) AS attributed_bytes_up_max
  FROM parts
)
SELECT CAST('$week' AS DATE) AS week,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.connections END AS BIGINT) AS connections,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.attributed_connections END AS BIGINT) AS attributed_connections,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up_max END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN NOT c.sent_hidden AND e.even THEN s.attributed_bytes_up END AS BIGINT) AS attributed_bytes_up,
       CAST(CASE WHEN NOT c.sent_hidden AND e.even THEN s.attributed_bytes_up_max END AS BIGINT)
         AS attributed_bytes_up_max,
       CASE WHEN NOT c.sums_hidden THEN s.exact END AS exact
FROM sums AS s
CROSS JOIN (SELECT COALESCE(BOOL_AND(even), true) AS even FROM evenness) AS e
JOIN weekly_cells AS c ON c.label = 'all' AND c.app = 'all'
WHERE s.connections IS NOT NULL
