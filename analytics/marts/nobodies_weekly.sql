-- What machines, service accounts and shared addresses used. Nobody in it is counted among people anywhere,
-- so it cannot be subtracted from anything. Behind a shared address are people: fewer than k such addresses
-- stay without figures.
SELECT CAST('$week' AS DATE) AS week, app, subject_kind AS kind,
       CAST(MAX(grade) AS SMALLINT) AS grade,
       CAST(CASE WHEN subject_kind <> 'shared' OR COUNT(DISTINCT subject) >= $k THEN COUNT(DISTINCT subject) END AS BIGINT)
         AS subjects,
       CAST(CASE WHEN subject_kind <> 'shared' OR COUNT(DISTINCT subject) >= $k THEN SUM(connections) END AS BIGINT)
         AS connections,
       CAST(CASE WHEN subject_kind <> 'shared' OR COUNT(DISTINCT subject) >= $k THEN SUM(bytes_up) END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN subject_kind <> 'shared' OR COUNT(DISTINCT subject) >= $k THEN SUM(bytes_up_max) END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN subject_kind <> 'shared' OR COUNT(DISTINCT subject) >= $k THEN SUM(bytes_down) END AS BIGINT) AS bytes_down
FROM nobodies
GROUP BY app, subject_kind
ORDER BY app, subject_kind
