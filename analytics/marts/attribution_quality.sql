-- Whose word ties use (grade 3 or more) to somebody: shares of a day and site, no amounts.
--
-- A share is of what that site did that day, a total no view has, so that no figure of a group follows from
-- it by subtraction. Where fewer than k people used anything, nothing is said. Of the ways that speak for
-- fewer than k, the smallest are told as one, 'few', with the next smallest until they are k together.
-- Machines and service accounts are nobody: they are told as they are.
WITH parts AS (
  SELECT day, subject, attributed_by, confidence, connections, bytes_up,
         CASE subject_kind WHEN 'user' THEN 'person' WHEN 'address' THEN 'nobody' ELSE subject_kind END AS tied_to,
         subject_kind NOT IN ('machine', 'service') AS counts, site
  FROM all_hours WHERE grade >= 3
),
placed AS (
  SELECT * FROM parts
  UNION ALL
  SELECT day, subject, attributed_by, confidence, connections, bytes_up, tied_to, counts, 'all' FROM parts
),
large AS (
  SELECT day, site FROM placed WHERE counts AND tied_to <> 'shared'
  GROUP BY day, site HAVING COUNT(DISTINCT subject) >= $k
),
each AS (
  SELECT p.day, p.site, p.tied_to, p.attributed_by, p.counts, p.subject,
         SUM(p.connections) AS connections, SUM(p.bytes_up) AS bytes_up,
         SUM(CASE WHEN p.confidence IS NOT NULL THEN p.connections END) AS weight,
         SUM(p.confidence * p.connections) AS weighed
  FROM placed AS p JOIN large AS l ON l.day = p.day AND l.site = p.site
  GROUP BY p.day, p.site, p.tied_to, p.attributed_by, p.counts, p.subject
),
ways AS (
  SELECT day, site, tied_to, attributed_by, COUNT(*) AS subjects,
         ROW_NUMBER() OVER (PARTITION BY day, site ORDER BY COUNT(*), tied_to, attributed_by) AS nth
  FROM each WHERE counts
  GROUP BY day, site, tied_to, attributed_by
),
reached AS (
  SELECT w.day, w.site, w.nth, COUNT(DISTINCT e.subject) AS subjects
  FROM ways AS w
  JOIN ways AS o ON o.day = w.day AND o.site = w.site AND o.nth <= w.nth
  JOIN each AS e ON e.day = o.day AND e.site = o.site AND e.tied_to = o.tied_to AND e.attributed_by = o.attributed_by
  GROUP BY w.day, w.site, w.nth
),
cuts AS (
  SELECT s.day, s.site, MIN(r.nth) AS nth
  FROM (SELECT day, site, MAX(nth) AS nth FROM ways WHERE subjects < $k GROUP BY day, site) AS s
  JOIN reached AS r ON r.day = s.day AND r.site = s.site AND r.nth >= s.nth AND r.subjects >= $k
  GROUP BY s.day, s.site
),
told AS (
  SELECT e.day, e.site, e.subject, e.counts, e.connections, e.bytes_up, e.weight, e.weighed,
         CASE WHEN w.nth <= c.nth THEN 'few' ELSE e.tied_to END AS tied_to,
         CASE WHEN w.nth <= c.nth THEN 'few' ELSE e.attributed_by END AS attributed_by
  FROM each AS e
  LEFT JOIN ways AS w
    ON w.day = e.day AND w.site = e.site AND w.tied_to = e.tied_to AND w.attributed_by = e.attributed_by
  LEFT JOIN cuts AS c ON c.day = e.day AND c.site = e.site
),
people AS (
  SELECT day, site, tied_to, attributed_by, counts, subject,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, SUM(weight) AS weight, SUM(weighed) AS weighed
  FROM told
  GROUP BY day, site, tied_to, attributed_by, counts, subject
),
sums AS (
  SELECT day, site, tied_to, attributed_by,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, SUM(weighed) / NULLIF(SUM(weight), 0) AS confidence,
         NOT counts OR MAX(bytes_up) <= $dominance * SUM(bytes_up) AS even
  FROM people
  GROUP BY day, site, tied_to, attributed_by, counts
),
totals AS (
  SELECT day, site, SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, BOOL_AND(COALESCE(even, true)) AS even
  FROM sums
  GROUP BY day, site
)
SELECT s.day, s.site, s.tied_to, s.attributed_by,
       ROUND(100.0 * s.connections / NULLIF(t.connections, 0)) AS connections_percent,
       CASE WHEN t.even THEN ROUND(100.0 * COALESCE(s.bytes_up, 0) / NULLIF(t.bytes_up, 0)) END AS bytes_up_percent,
       CASE WHEN s.tied_to = 'person' THEN ROUND(s.confidence, 2) END AS confidence
FROM sums AS s
JOIN totals AS t ON t.day = s.day AND t.site = s.site
ORDER BY s.day, s.site, s.tied_to, s.attributed_by
