-- What policy calls a program (policy/judging/1_used.sql): no browser's hello, or an access class only programs have.
WITH clocks AS (
  SELECT site, MIN(zone) AS zone FROM stored.sensors WHERE zone IS NOT NULL GROUP BY site
),
hours AS (
  SELECT CAST(DATE_TRUNC('week', u.hour AT TIME ZONE '$zone') AS DATE) AS week, u.subject, u.subject_kind,
         u.app, u.hour, MIN(u.department) AS department, MIN(u.site) AS site,
         MAX(EXTRACT(hour FROM u.hour AT TIME ZONE COALESCE(c.zone, '$zone'))) AS local_hour,
         MAX(u.grade) AS grade, SUM(u.bytes_up) AS bytes_up, SUM(u.connections) AS connections
  FROM stored.usage_hourly AS u
  LEFT JOIN clocks AS c ON c.site = u.site
  WHERE u.grade >= 3 AND (u.client_class = 'program' OR u.access IN ('api', 'cli', 'agent', 'mcp'))
  GROUP BY CAST(DATE_TRUNC('week', u.hour AT TIME ZONE '$zone') AS DATE), u.subject, u.subject_kind, u.app, u.hour
),
weeks AS (
  SELECT week, subject, subject_kind, app, MIN(department) AS department, MIN(site) AS site,
         CAST(COUNT(*) AS BIGINT) AS hours,
         CAST(SUM(CASE WHEN local_hour >= 22 OR local_hour < 6 THEN 1 ELSE 0 END) AS BIGINT) AS night_hours,
         MAX(grade) AS grade, CAST(SUM(bytes_up) AS BIGINT) AS bytes_up,
         CAST(SUM(connections) AS BIGINT) AS connections
  FROM hours
  GROUP BY week, subject, subject_kind, app
)
SELECT w.week, w.subject, w.subject_kind, w.department, w.site, w.app, COALESCE(c.service, w.app) AS service,
       w.hours, w.night_hours, w.grade,
       CASE w.grade WHEN 3 THEN 'exchanged' WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       w.bytes_up, w.connections
FROM weeks AS w
LEFT JOIN stored.catalog AS c ON c.app = w.app
ORDER BY w.week, w.subject, w.subject_kind, w.app
