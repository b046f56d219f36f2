-- One row per product with AI possible on shared hosts that came or went: the watch list tells changes only.
WITH this_week AS (SELECT DISTINCT e.app, e.service FROM embedded e JOIN scope s ON s.week = e.week),
last_week AS (SELECT DISTINCT e.app, e.service FROM embedded e JOIN scope s ON s.previous = e.week)
SELECT COALESCE(t.app, l.app) AS app, COALESCE(t.service, l.service) AS service,
       CASE WHEN l.app IS NULL THEN 'new' ELSE 'gone' END AS change
FROM this_week t
FULL OUTER JOIN last_week l ON l.app = t.app
WHERE t.app IS NULL OR l.app IS NULL
ORDER BY 3 DESC, 1
