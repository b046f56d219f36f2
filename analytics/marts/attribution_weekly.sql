-- How much of the week's use is attributed to a named account. Hidden where the split would reveal a small group:
-- people without a name, or (by subtracting the departments) people with a name but no department.
WITH parts AS (
  SELECT subject_kind = 'user' AS named, department = 'unattributed' AS unknown, subject,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max
  FROM uses
  WHERE grade >= 3
  GROUP BY subject_kind = 'user', department = 'unattributed', subject
),
sizes AS (
  SELECT named, unknown, COUNT(DISTINCT subject) AS people,
         MAX(bytes_up) <= $dominance * SUM(bytes_up) AND MAX(bytes_up_max) <= $dominance * SUM(bytes_up_max) AS even
  FROM parts
  GROUP BY named, unknown
),
split AS (
  SELECT COALESCE(MIN(people) >= $k, true) AND NOT $unattributed_pooled AS safe,
         COALESCE(BOOL_AND(even), true) AS even
  FROM sizes
),
sums AS (
  SELECT SUM(connections) AS connections,
         SUM(CASE WHEN named THEN connections ELSE 0 END) AS attributed_connections,
         SUM(bytes_up) AS bytes_up,
         SUM(bytes_up_max) AS bytes_up_max,
         SUM(CASE WHEN named THEN bytes_up END) AS attributed_bytes_up,
         SUM(CASE WHEN named THEN bytes_up_max END) AS attributed_bytes_up_max
  FROM parts
)
SELECT CAST('$week' AS DATE) AS week,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.connections END AS BIGINT) AS connections,
       CAST(CASE WHEN NOT c.sums_hidden AND p.safe THEN s.attributed_connections END AS BIGINT)
         AS attributed_connections,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up_max END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN NOT c.sent_hidden AND p.safe AND p.even THEN s.attributed_bytes_up END AS BIGINT)
         AS attributed_bytes_up,
       CAST(CASE WHEN NOT c.sent_hidden AND p.safe AND p.even THEN s.attributed_bytes_up_max END AS BIGINT)
         AS attributed_bytes_up_max
FROM sums AS s
CROSS JOIN split AS p
JOIN weekly_cells AS c ON c.label = 'all' AND c.app = 'all'
WHERE s.connections IS NOT NULL
