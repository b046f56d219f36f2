-- Restricted: one line per person (or device, or address) and week of the report's time zone.
-- The week is that of the hour, of which there are few: so a filter on the week selects files.
-- Who moved has the department under which most was used, as in usage_weekly, and the site at which it was.
WITH hours AS (
  SELECT hour, CAST(DATE_TRUNC('week', hour AT TIME ZONE '$zone') AS DATE) AS week
  FROM (SELECT DISTINCT hour FROM stored.usage_hourly) AS seen
),
weeks AS (
  SELECT h.week, u.* FROM hours AS h JOIN stored.usage_hourly AS u ON u.hour = h.hour
),
held AS (
  SELECT week, subject, department, ROW_NUMBER() OVER (
           PARTITION BY week, subject
           ORDER BY CASE WHEN department = 'unattributed' THEN 1 ELSE 0 END,
                    SUM(CASE WHEN grade >= 3 THEN connections ELSE 0 END) DESC, MAX(hour) DESC, department
         ) AS nth
  FROM weeks
  GROUP BY week, subject, department
),
places AS (
  SELECT week, subject, site, ROW_NUMBER() OVER (
           PARTITION BY week, subject
           ORDER BY SUM(CASE WHEN grade >= 3 THEN connections ELSE 0 END) DESC, MAX(hour) DESC, site
         ) AS nth
  FROM weeks
  GROUP BY week, subject, site
),
people AS (
  SELECT week, subject, subject_kind,
         CAST(COUNT(DISTINCT CASE WHEN grade >= 3 THEN app END) AS BIGINT) AS apps,
         MAX(grade) AS grade,
         CAST(SUM(CASE WHEN grade >= 3 THEN bytes_up END) AS BIGINT) AS bytes_up,
         CAST(SUM(CASE WHEN grade >= 3 THEN bytes_up_max END) AS BIGINT) AS bytes_up_max,
         CAST(SUM(CASE WHEN grade >= 3 THEN bytes_down END) AS BIGINT) AS bytes_down,
         CAST(SUM(CASE WHEN grade >= 3 THEN connections ELSE 0 END) AS BIGINT) AS connections
  FROM weeks
  GROUP BY week, subject, subject_kind
)
SELECT p.week, p.subject, p.subject_kind, h.department, l.site, p.apps, p.grade,
       CASE p.grade WHEN 1 THEN 'looked up' WHEN 2 THEN 'connected' WHEN 3 THEN 'exchanged'
                    WHEN 4 THEN 'uploaded' WHEN 5 THEN 'confirmed' END AS evidence,
       p.bytes_up, p.bytes_up_max, p.bytes_down, p.connections
FROM people AS p
JOIN held AS h ON h.week = p.week AND h.subject = p.subject AND h.nth = 1
JOIN places AS l ON l.week = p.week AND l.subject = p.subject AND l.nth = 1
ORDER BY p.week, p.subject, p.subject_kind
