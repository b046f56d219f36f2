-- How each service was used: its access classes and grades, for everyone and for departments.
--
-- A split of a figure of usage_weekly is published in full or not at all, so that no part follows by subtraction. For
-- everyone, every part needs at least k subjects. For departments, this must hold in every row that usage_weekly has
-- for the service, with no hidden sums. Bytes are published only where nobody dominates a part and none are hidden
-- there. People of parts do not add up: the people of the service minus those of one part only did something else, and
-- the people of all parts minus those of the service did several things. Neither difference may be smaller than k.
WITH each AS (
  SELECT label_of_app AS label, app, COALESCE(access, 'unknown') AS access, grade, subject, SUM(bytes_up) AS bytes_up,
         SUM(bytes_up_max) AS bytes_up_max, SUM(bytes_down) AS bytes_down, SUM(connections) AS connections,
         SUM(lookups) AS lookups
  FROM uses
  GROUP BY label_of_app, app, COALESCE(access, 'unknown'), grade, subject
),
parts AS (
  SELECT COALESCE(label, 'all') AS department, app, access, grade, COUNT(DISTINCT subject) AS people,
         SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(bytes_down) AS bytes_down,
         SUM(connections) AS connections, SUM(lookups) AS lookups,
         COALESCE(MAX(bytes_up) <= $dominance * SUM(bytes_up), true)
           AND COALESCE(MAX(bytes_up_max) <= $dominance * SUM(bytes_up_max), true) AS sent_even,
         COALESCE(MAX(bytes_down) <= $dominance * SUM(bytes_down), true) AS received_even
  FROM each
  GROUP BY GROUPING SETS ((label, app, access, grade), (app, access, grade))
),
splits AS (
  SELECT department = 'all' AS of_everyone, app, MIN(people) >= $k AS safe, BOOL_AND(sent_even) AS sent_even,
         BOOL_AND(sent_even AND received_even) AS received_even
  FROM parts
  GROUP BY department = 'all', app
),
told AS (
  SELECT label = 'all' AS of_everyone, app, BOOL_OR(people_hidden OR sums_hidden) AS hidden,
         BOOL_OR(sent_hidden) AS sent_hidden, BOOL_OR(received_hidden) AS received_hidden
  FROM weekly_cells
  GROUP BY label = 'all', app
),
users AS (
  SELECT COALESCE(label_of_app, 'all') AS department, app, COUNT(DISTINCT subject) AS people
  FROM uses
  WHERE grade >= 3
  GROUP BY GROUPING SETS ((label_of_app, app), (app))
),
rests AS (
  SELECT p.department, p.app, p.access, p.grade, u.people - p.people AS without,
         SUM(p.people) OVER (PARTITION BY p.department, p.app) - u.people AS in_several
  FROM parts AS p
  JOIN users AS u ON u.department = p.department AND u.app = p.app
  WHERE p.grade >= 3
)
SELECT CAST('$week' AS DATE) AS week, p.department, p.app, p.access, p.grade,
       CAST(CASE WHEN r.without BETWEEN 1 AND $k - 1 OR r.in_several BETWEEN 1 AND $k - 1 THEN NULL
                 ELSE p.people END AS BIGINT) AS people,
       CAST(CASE WHEN s.sent_even AND NOT c.sent_hidden THEN p.bytes_up END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN s.sent_even AND NOT c.sent_hidden THEN p.bytes_up_max END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN s.received_even AND NOT c.received_hidden THEN p.bytes_down END AS BIGINT) AS bytes_down,
       CAST(p.connections AS BIGINT) AS connections, CAST(p.lookups AS BIGINT) AS lookups
FROM parts AS p
JOIN splits AS s ON s.of_everyone = (p.department = 'all') AND s.app = p.app
JOIN told AS c ON c.of_everyone = (p.department = 'all') AND c.app = p.app
LEFT JOIN rests AS r
  ON r.department = p.department AND r.app = p.app AND r.access = p.access AND r.grade = p.grade
WHERE s.safe AND NOT c.hidden
ORDER BY p.department, p.app, p.access, p.grade
