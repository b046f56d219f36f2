-- What machines, service accounts, shared addresses and external clients used. None of these subjects is counted among
-- people anywhere, so nothing can be subtracted. Behind addresses are people, so groups of fewer than k addresses have
-- no figures.
SELECT CAST('$week' AS DATE) AS week, app, subject_kind AS kind,
       CAST(MAX(grade) AS SMALLINT) AS grade,
       CAST(CASE WHEN subject_kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k THEN COUNT(DISTINCT subject) END AS BIGINT)
         AS subjects,
       CAST(CASE WHEN subject_kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k THEN SUM(connections) END AS BIGINT)
         AS connections,
       CAST(CASE WHEN subject_kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k THEN SUM(bytes_up) END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN subject_kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k THEN SUM(bytes_up_max) END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN subject_kind IN ('machine', 'service') OR COUNT(DISTINCT subject) >= $k THEN SUM(bytes_down) END AS BIGINT) AS bytes_down
FROM nobodies
GROUP BY app, subject_kind
ORDER BY app, subject_kind
