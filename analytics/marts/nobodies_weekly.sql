-- What machines, service accounts, shared addresses and external clients used. None of these subjects is counted among
-- people anywhere, so nothing can be subtracted. Behind addresses are people, so groups of fewer than k addresses have
-- no figures.
WITH sums AS (
  SELECT app, subject_kind AS kind, MAX(grade) AS grade, COUNT(DISTINCT subject) AS subjects,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max,
         SUM(bytes_down) AS bytes_down,
         subject_kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k AS told
  FROM nobodies
  GROUP BY app, subject_kind
)
SELECT CAST('$week' AS DATE) AS week, app, kind, CAST(grade AS SMALLINT) AS grade,
       CAST(CASE WHEN told THEN subjects END AS BIGINT) AS subjects,
       CAST(CASE WHEN told THEN connections END AS BIGINT) AS connections,
       CAST(CASE WHEN told THEN bytes_up END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN told THEN bytes_up_max END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN told THEN bytes_down END AS BIGINT) AS bytes_down
FROM sums
ORDER BY app, kind
