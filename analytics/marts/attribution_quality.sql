-- Which source ties use (grade 3 or more) to somebody: shares of a day and site, no amounts.
--
-- Where fewer than k people used anything, nothing is said. Of the ways that speak for fewer than k, the
-- smallest are told as one, 'few', with the next smallest until they are k together. Machines and service
-- accounts are nobody: they are told as they are.
--
-- 'all' adds up what is told of the sites, way by way, and the sites too small to be told as if they were one,
-- if that one has k; else without them. So who weighs 'all' against its sites finds no group smaller than k,
-- whatever they know of the totals.
WITH parts AS (
  SELECT day, subject, attributed_by, site,
         CASE subject_kind WHEN 'user' THEN 'person' WHEN 'address' THEN 'nobody' ELSE subject_kind END AS tied_to,
         subject_kind NOT IN ('machine', 'service', 'outside') AS counts,
         subject_kind IN ('user', 'device', 'address') AS is_somebody,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up,
         SUM(CASE WHEN confidence IS NOT NULL THEN connections END) AS weight,
         SUM(confidence * connections) AS weighed
  FROM all_hours
  WHERE grade >= 3
  GROUP BY day, subject, subject_kind, attributed_by, site
),
sites AS (
  SELECT day, site, COUNT(DISTINCT CASE WHEN is_somebody THEN subject END) >= $k AS is_told
  FROM parts
  GROUP BY day, site
),
-- The sites that are not told, as one without a name.
placed AS (
  SELECT p.*, CASE WHEN s.is_told THEN p.site ELSE '' END AS place
  FROM parts AS p JOIN sites AS s ON s.day = p.day AND s.site = p.site
),
large AS (
  SELECT day, place FROM placed WHERE is_somebody GROUP BY day, place HAVING COUNT(DISTINCT subject) >= $k
),
each AS (
  SELECT p.day, p.place, p.tied_to, p.attributed_by, p.counts, p.subject,
         SUM(p.connections) AS connections, SUM(p.bytes_up) AS bytes_up, SUM(p.weight) AS weight,
         SUM(p.weighed) AS weighed
  FROM placed AS p JOIN large AS l ON l.day = p.day AND l.place = p.place
  GROUP BY p.day, p.place, p.tied_to, p.attributed_by, p.counts, p.subject
),
ways AS (
  SELECT day, place, tied_to, attributed_by, COUNT(*) AS subjects,
         ROW_NUMBER() OVER (PARTITION BY day, place ORDER BY COUNT(*), tied_to, attributed_by) AS nth
  FROM each WHERE counts
  GROUP BY day, place, tied_to, attributed_by
),
reached AS (
  SELECT w.day, w.place, w.nth, COUNT(DISTINCT e.subject) AS subjects
  FROM ways AS w
  JOIN ways AS o ON o.day = w.day AND o.place = w.place AND o.nth <= w.nth
  JOIN each AS e ON e.day = o.day AND e.place = o.place AND e.tied_to = o.tied_to AND e.attributed_by = o.attributed_by
  GROUP BY w.day, w.place, w.nth
),
cuts AS (
  SELECT s.day, s.place, MIN(r.nth) AS nth
  FROM (SELECT day, place, MAX(nth) AS nth FROM ways WHERE subjects < $k GROUP BY day, place) AS s
  JOIN reached AS r ON r.day = s.day AND r.place = s.place AND r.nth >= s.nth AND r.subjects >= $k
  GROUP BY s.day, s.place
),
told AS (
  SELECT e.day, e.place, e.subject, e.counts, e.connections, e.bytes_up, e.weight, e.weighed,
         CASE WHEN w.nth <= c.nth THEN 'few' ELSE e.tied_to END AS tied_to,
         CASE WHEN w.nth <= c.nth THEN 'few' ELSE e.attributed_by END AS attributed_by
  FROM each AS e
  LEFT JOIN ways AS w
    ON w.day = e.day AND w.place = e.place AND w.tied_to = e.tied_to AND w.attributed_by = e.attributed_by
  LEFT JOIN cuts AS c ON c.day = e.day AND c.place = e.place
),
people AS (
  SELECT day, place, tied_to, attributed_by, counts, subject,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, SUM(weight) AS weight, SUM(weighed) AS weighed
  FROM told
  GROUP BY day, place, tied_to, attributed_by, counts, subject
),
cells AS (
  SELECT day, place, tied_to, attributed_by, SUM(connections) AS connections, SUM(bytes_up) AS bytes_up,
         SUM(weight) AS weight, SUM(weighed) AS weighed,
         NOT counts OR MAX(bytes_up) <= $dominance * SUM(bytes_up) AS even
  FROM people
  GROUP BY day, place, tied_to, attributed_by, counts
),
sums AS (
  SELECT day, place AS site, tied_to, attributed_by, connections, bytes_up, weight, weighed, even
  FROM cells WHERE place <> ''
  UNION ALL
  SELECT day, 'all', tied_to, attributed_by, SUM(connections), SUM(bytes_up), SUM(weight), SUM(weighed),
         BOOL_AND(COALESCE(even, true))
  FROM cells
  GROUP BY day, tied_to, attributed_by
),
totals AS (
  SELECT day, site, SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, BOOL_AND(COALESCE(even, true)) AS even
  FROM sums
  GROUP BY day, site
)
SELECT s.day, s.site, s.tied_to, s.attributed_by,
       ROUND(100.0 * s.connections / NULLIF(t.connections, 0)) AS connections_percent,
       CASE WHEN t.even THEN ROUND(100.0 * COALESCE(s.bytes_up, 0) / NULLIF(t.bytes_up, 0)) END AS bytes_up_percent,
       CASE WHEN s.tied_to = 'person' THEN ROUND(s.weighed / NULLIF(s.weight, 0), 2) END AS confidence
FROM sums AS s
JOIN totals AS t ON t.day = s.day AND t.site = s.site
ORDER BY s.day, s.site, s.tied_to, s.attributed_by
