-- What policy calls a program (policy/judging/1_used.sql): no browser's hello, or an access class only programs have.
-- An agent is one at work by itself: at least two signs over at least four requests. `tempo`: of three gaps or more two
-- thirds are under 10 s (measured elsewhere: 88 % of agents' steps, 1.4 % of people's turns). `growth`: three quarters of
-- the requests are larger than the one before, the largest at least twice the smallest (the whole context is sent
-- again). `program`: no browser's hello. The numbers stand beside it; a batch job looks the same.
-- Who moved has the department under which, and the site at which, most was used in the week, by whatever program, as in
-- `people`.
-- The week is that of the hour, of which there are few: so a filter on the week selects files, as in `people`.
WITH zones AS (
  SELECT site, MIN(zone) AS zone FROM stored.sensors WHERE zone IS NOT NULL GROUP BY site
),
clock AS (
  SELECT hour, CAST(DATE_TRUNC('week', hour AT TIME ZONE '$zone') AS DATE) AS week
  FROM (SELECT DISTINCT hour FROM stored.usage_hourly) AS seen
),
used AS (
  SELECT k.week, u.* FROM clock AS k JOIN stored.usage_hourly AS u ON u.hour = k.hour WHERE u.grade >= 3
),
hours AS (
  SELECT u.week, u.subject, u.subject_kind, u.app, u.hour,
         MAX(EXTRACT(hour FROM u.hour AT TIME ZONE COALESCE(z.zone, '$zone'))) AS local_hour,
         MAX(u.grade) AS grade, SUM(u.bytes_up) AS bytes_up, SUM(u.connections) AS connections
  FROM used AS u
  LEFT JOIN zones AS z ON z.site = u.site
  WHERE u.client_class = 'program' OR u.access IN ('api', 'cli', 'agent', 'mcp')
  GROUP BY u.week, u.subject, u.subject_kind, u.app, u.hour
),
held AS (
  SELECT week, subject, department, ROW_NUMBER() OVER (
           PARTITION BY week, subject
           ORDER BY CASE WHEN department = 'unattributed' THEN 1 ELSE 0 END, SUM(connections) DESC, MAX(hour) DESC,
                    department
         ) AS nth
  FROM used
  GROUP BY week, subject, department
),
places AS (
  SELECT week, subject, site, ROW_NUMBER() OVER (
           PARTITION BY week, subject ORDER BY SUM(connections) DESC, MAX(hour) DESC, site
         ) AS nth
  FROM used
  GROUP BY week, subject, site
),
weeks AS (
  SELECT week, subject, subject_kind, app,
         CAST(COUNT(*) AS BIGINT) AS hours,
         CAST(SUM(CASE WHEN local_hour >= 22 OR local_hour < 6 THEN 1 ELSE 0 END) AS BIGINT) AS night_hours,
         MAX(grade) AS grade, CAST(SUM(bytes_up) AS BIGINT) AS bytes_up,
         CAST(SUM(connections) AS BIGINT) AS connections
  FROM hours
  GROUP BY week, subject, subject_kind, app
),
rhythms AS (
  SELECT CAST(DATE_TRUNC('week', hour AT TIME ZONE '$zone') AS DATE) AS week, subject, app,
         CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(gaps) AS BIGINT) AS gaps,
         CAST(SUM(short_gaps) AS BIGINT) AS short_gaps, CAST(SUM(compared) AS BIGINT) AS compared,
         CAST(SUM(larger) AS BIGINT) AS larger, MIN(bytes_up_least) AS bytes_up_least, MAX(bytes_up_most) AS bytes_up_most,
         CAST(SUM(program_requests) AS BIGINT) AS program_requests
  FROM stored.rhythm_daily
  GROUP BY CAST(DATE_TRUNC('week', hour AT TIME ZONE '$zone') AS DATE), subject, app
),
signs AS (
  SELECT *,
         gaps >= 3 AND 3 * short_gaps >= 2 * gaps AS tempo,
         compared >= 3 AND 4 * larger >= 3 * compared AND bytes_up_most >= 2 * bytes_up_least AS growth,
         program_requests > 0 AS program
  FROM rhythms
)
SELECT w.week, w.subject, w.subject_kind, h.department, p.site, w.app, COALESCE(c.service, w.app) AS service,
       w.hours, w.night_hours, w.grade,
       CASE w.grade WHEN 3 THEN 'exchanged' WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       w.bytes_up, w.connections, s.requests, s.gaps, s.short_gaps, s.compared, s.larger, s.bytes_up_least,
       s.bytes_up_most, s.tempo, s.growth, s.program,
       COALESCE(s.requests >= 4 AND CASE WHEN s.tempo THEN 1 ELSE 0 END + CASE WHEN s.growth THEN 1 ELSE 0 END
                                    + CASE WHEN s.program THEN 1 ELSE 0 END >= 2, FALSE) AS agent_like
FROM weeks AS w
JOIN held AS h ON h.week = w.week AND h.subject = w.subject AND h.nth = 1
JOIN places AS p ON p.week = w.week AND p.subject = w.subject AND p.nth = 1
LEFT JOIN stored.catalog AS c ON c.app = w.app
LEFT JOIN signs AS s ON s.week = w.week AND s.subject = w.subject AND s.app = w.app
ORDER BY w.week, w.subject, w.subject_kind, w.app
