-- Which services each site used. The service is always named, the site only with at least k people.
WITH sites AS (
  SELECT app, site, MAX(grade) AS grade, COUNT(DISTINCT subject) AS subjects FROM uses GROUP BY app, site
),
named AS (
  SELECT app, site, grade FROM sites WHERE subjects >= $k
  UNION ALL
  SELECT app, 'all' AS site, MAX(grade) AS grade FROM sites GROUP BY app
)
SELECT CAST('$week' AS DATE) AS week, app, site, grade FROM named ORDER BY app, site
