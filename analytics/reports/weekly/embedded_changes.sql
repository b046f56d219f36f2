-- One row per product with AI possible on shared hosts that came or went: the watch list tells changes only.
WITH this_week AS (SELECT DISTINCT e.app, e.service FROM embedded e JOIN scope s ON s.week = e.week),
earlier AS (
    SELECT e.app, MAX(e.service) AS service, MAX(e.week) AS last_week
    FROM embedded e
    JOIN scope s ON e.week < s.week
    GROUP BY e.app
)
SELECT COALESCE(t.app, l.app) AS app, COALESCE(t.service, l.service) AS service,
       CASE WHEN l.app IS NULL THEN 'new' ELSE 'gone' END AS change
FROM this_week t
FULL OUTER JOIN earlier l ON l.app = t.app
CROSS JOIN scope s
WHERE l.app IS NULL OR t.app IS NULL AND l.last_week = s.previous
ORDER BY 3 DESC, 1
