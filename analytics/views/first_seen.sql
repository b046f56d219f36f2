-- Use counts before a mere lookup: a service looked up in May and used in June was first seen in June.
WITH graded AS (
  SELECT app, site, week, grade,
         MAX(CASE WHEN grade >= 3 THEN 1 ELSE 0 END) OVER (PARTITION BY app, site) AS used
  FROM stored.site_weekly
),
counted AS (
  SELECT app, site, week, grade,
         ROW_NUMBER() OVER (PARTITION BY app, site ORDER BY week) AS nth
  FROM graded
  WHERE grade >= 3 OR used = 0
)
SELECT n.app, COALESCE(c.service, n.app) AS service, n.site, n.week AS first_week, n.grade
FROM counted AS n
LEFT JOIN stored.catalog AS c ON c.app = n.app
WHERE n.nth = 1
ORDER BY n.app, n.site
