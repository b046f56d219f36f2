-- How many people used AI services in each hour of each weekday (report zone), and programs separately.
--
-- Numbers of people do not add up over hours, and are rounded down to a multiple of k so that nothing follows by
-- subtraction. An hour with fewer than k people has no row, like an hour without any. Machines are not people. People
-- who on a day used only services whose people are hidden that day are left out if they are fewer than k: an hour with
-- more people than all services shown that day would reveal them.
WITH behind AS (
  SELECT u.day, u.subject
  FROM personal_hours AS u
  JOIN daily_cells AS c ON c.app = u.app AND c.day = u.day
  WHERE u.grade >= 3
  GROUP BY u.day, u.subject
  HAVING BOOL_AND(c.people_hidden)
),
few AS (
  SELECT day, subject FROM behind WHERE day IN (SELECT day FROM behind GROUP BY day HAVING COUNT(*) < $k)
),
seen AS (
  SELECT u.subject, u.day, u.hour_of_day, u.client_class
  FROM personal_hours AS u
  LEFT JOIN few AS f ON f.day = u.day AND f.subject = u.subject
  WHERE u.grade >= 3 AND f.subject IS NULL
),
used AS (
  SELECT 'people' AS kind, subject, day, hour_of_day FROM seen
  UNION
  SELECT 'programs', subject, day, hour_of_day FROM seen WHERE client_class = 'program'
  UNION
  SELECT 'machines', subject, day, hour_of_day FROM nobodies
  WHERE grade >= 3 AND subject_kind IN ('machine', 'service')
),
named AS (
  SELECT kind, subject, hour_of_day, LOWER(STRFTIME(day, '%a')) AS weekday,
         CASE WHEN ISODOW(day) <= 5 THEN 'workdays' ELSE 'weekend' END AS part
  FROM used
),
counted AS (
  SELECT kind, COALESCE(weekday, part) AS days, hour_of_day, COUNT(DISTINCT subject) AS subjects
  FROM named
  GROUP BY GROUPING SETS ((kind, weekday, hour_of_day), (kind, part, hour_of_day))
)
SELECT CAST('$week' AS DATE) AS week, kind, days, hour_of_day,
       CAST(CASE WHEN kind = 'machines' THEN subjects ELSE subjects // $k * $k END AS BIGINT) AS subjects_least
FROM counted
WHERE kind = 'machines' OR subjects >= $k
ORDER BY kind, days, hour_of_day
