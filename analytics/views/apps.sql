-- Made from the published cubes only, so that it cannot say more than they do.
WITH days AS (
  SELECT app, MIN(day) AS first_seen, MAX(day) AS last_seen FROM stored.usage_daily GROUP BY app
),
weeks AS (
  SELECT app,
         CAST(COUNT(*) AS BIGINT) AS weeks_seen,
         MAX(grade) AS grade,
         MAX(people) AS people_peak,
         CAST(SUM(bytes_up) AS BIGINT) AS bytes_up,
         CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max,
         CAST(SUM(bytes_down) AS BIGINT) AS bytes_down,
         SUM(CASE WHEN grade >= 3 AND bytes_up IS NULL THEN 1 ELSE 0 END) AS hidden_weeks
  FROM stored.usage_weekly
  WHERE department = 'all' AND app <> 'all'
  GROUP BY app
),
-- Machines, service accounts, shared addresses, clients from outside: nobody, so in no figure of the others.
nobodies AS (
  SELECT app, MIN(week) AS first_week, MAX(week) AS last_week, MAX(grade) AS grade,
         CAST(COUNT(DISTINCT week) AS BIGINT) AS weeks
  FROM stored.nobodies_weekly
  GROUP BY app
),
seen AS (
  SELECT COALESCE(w.app, n.app) AS app, COALESCE(w.weeks_seen, 0) AS weeks_seen,
         COALESCE(n.weeks, 0) AS nobodies_weeks, GREATEST(w.grade, n.grade) AS grade,
         w.people_peak, w.bytes_up, w.bytes_up_max, w.bytes_down, COALESCE(w.hidden_weeks, 0) AS hidden_weeks,
         n.first_week, n.last_week
  FROM weeks AS w
  FULL JOIN nobodies AS n ON n.app = w.app
)
SELECT w.app,
       COALESCE(c.service, w.app) AS service, c.vendor, c.category, c.country,
       COALESCE(d.first_seen, w.first_week) AS first_seen, COALESCE(d.last_seen, w.last_week) AS last_seen,
       CAST(w.weeks_seen AS BIGINT) AS weeks_seen, CAST(w.nobodies_weeks AS BIGINT) AS nobodies_weeks, w.grade,
       CASE w.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       w.people_peak, w.bytes_up, w.bytes_up_max, w.bytes_down, CAST(w.hidden_weeks AS BIGINT) AS hidden_weeks
FROM seen AS w
LEFT JOIN days AS d ON d.app = w.app
LEFT JOIN stored.catalog AS c ON c.app = w.app
ORDER BY w.app
