-- Share of use (grade 3 or more) by what it is attributed to and how, per day and site. No amounts.
--
-- A site with fewer than k people has no row of its own. Attribution methods with fewer than k people are pooled as
-- 'few'. The people the pool lacks to be k are drawn from the next smallest method, and the whole of it if fewer than k
-- would remain: otherwise one unknown address would take everybody whom the proxy's log names with it. Machines and
-- service accounts are not people and are shown as they are.
--
-- 'all' adds up the published rows of the sites, method by method, and one more site that pools those too small to
-- publish; it leaves that pool out if it has fewer than k people. So comparing 'all' with its sites reveals no group
-- smaller than k, even to a reader who knows the totals.
WITH parts AS (
  SELECT day, subject, attributed_by, site,
         CASE subject_kind WHEN 'user' THEN 'person' WHEN 'address' THEN 'nobody' ELSE subject_kind END AS tied_to,
         subject_kind NOT IN ('machine', 'service', 'outside') AS counts,
         subject_kind IN ('user', 'device', 'address') AS is_somebody,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up,
         SUM(CASE WHEN confidence IS NOT NULL THEN connections END) AS weight,
         SUM(confidence * connections) AS weighted
  FROM all_hours
  WHERE grade >= 3
  GROUP BY day, subject, subject_kind, attributed_by, site
),
sites AS (
  SELECT day, site, COUNT(DISTINCT CASE WHEN is_somebody THEN subject END) >= $k AS is_published
  FROM parts
  GROUP BY day, site
),
-- Sites that are not published become one group, ''.
grouped AS (
  SELECT p.*, CASE WHEN s.is_published THEN p.site ELSE '' END AS site_group
  FROM parts AS p JOIN sites AS s ON s.day = p.day AND s.site = p.site
),
large AS (
  SELECT day, site_group FROM grouped WHERE is_somebody GROUP BY day, site_group HAVING COUNT(DISTINCT subject) >= $k
),
uses AS (
  SELECT p.day, p.site_group, p.tied_to, p.attributed_by, p.counts, p.subject,
         SUM(p.connections) AS connections, SUM(p.bytes_up) AS bytes_up, SUM(p.weight) AS weight,
         SUM(p.weighted) AS weighted
  FROM grouped AS p JOIN large AS l ON l.day = p.day AND l.site_group = p.site_group
  GROUP BY p.day, p.site_group, p.tied_to, p.attributed_by, p.counts, p.subject
),
-- Whom the pool takes: everybody of a small method; then, by token, those of the next ones who are not in it yet, until
-- there are k (`reached`); then who would be left of a method that fewer than k remain in.
members AS (
  SELECT *, COUNT(*) OVER (PARTITION BY day, site_group, tied_to, attributed_by) AS size FROM uses WHERE counts
),
arrivals AS (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY day, site_group, subject ORDER BY size, tied_to, attributed_by
  ) = 1 AS is_new
  FROM members
),
queue AS (
  SELECT *, MIN(size) OVER (PARTITION BY day, site_group) AS smallest,
         SUM(CASE WHEN is_new THEN 1 ELSE 0 END) OVER (
           PARTITION BY day, site_group ORDER BY size, tied_to, attributed_by, is_new DESC, subject
         ) AS reached
  FROM arrivals
),
drawn AS (
  SELECT *, size < $k OR (smallest < $k AND is_new AND reached <= $k) AS is_drawn FROM queue
),
rests AS (
  SELECT *, size - SUM(CASE WHEN is_drawn THEN 1 ELSE 0 END) OVER (
    PARTITION BY day, site_group, tied_to, attributed_by
  ) AS rest
  FROM drawn
),
pooled AS (
  SELECT day, site_group, subject, counts, connections, bytes_up, weight, weighted,
         CASE WHEN is_drawn OR rest < $k THEN 'few' ELSE tied_to END AS tied_to,
         CASE WHEN is_drawn OR rest < $k THEN 'few' ELSE attributed_by END AS attributed_by
  FROM rests
  UNION ALL
  SELECT day, site_group, subject, counts, connections, bytes_up, weight, weighted, tied_to, attributed_by
  FROM uses
  WHERE NOT counts
),
people AS (
  SELECT day, site_group, tied_to, attributed_by, counts, subject,
         SUM(connections) AS connections, SUM(bytes_up) AS bytes_up, SUM(weight) AS weight, SUM(weighted) AS weighted
  FROM pooled
  GROUP BY day, site_group, tied_to, attributed_by, counts, subject
),
cells AS (
  SELECT day, site_group, tied_to, attributed_by, SUM(connections) AS connections, SUM(bytes_up) AS bytes_up,
         SUM(weight) AS weight, SUM(weighted) AS weighted,
         NOT counts OR MAX(bytes_up) <= $dominance * SUM(bytes_up) AS even
  FROM people
  GROUP BY day, site_group, tied_to, attributed_by, counts
),
sums AS (
  SELECT day, site_group AS site, tied_to, attributed_by, connections, bytes_up, weight, weighted, even
  FROM cells WHERE site_group <> ''
  UNION ALL
  SELECT day, 'all', tied_to, attributed_by, SUM(connections), SUM(bytes_up), SUM(weight), SUM(weighted),
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
       CASE WHEN s.tied_to = 'person' THEN ROUND(s.weighted / NULLIF(s.weight, 0), 2) END AS confidence
FROM sums AS s
JOIN totals AS t ON t.day = s.day AND t.site = s.site
ORDER BY s.day, s.site, s.tied_to, s.attributed_by
