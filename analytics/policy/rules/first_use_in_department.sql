-- People of a department use a service that nobody in the department used in the weeks before.
WITH homes AS (SELECT DISTINCT department, app, weeks_ago, subject FROM subject_weeks WHERE department <> 'unattributed'),
known AS (SELECT department, COUNT(DISTINCT weeks_ago) AS weeks FROM homes WHERE weeks_ago > 0 GROUP BY department),
before AS (SELECT DISTINCT department, app FROM homes WHERE weeks_ago > 0),
fresh AS (
  SELECT h.department, h.app, COUNT(*) AS people
  FROM homes AS h
  JOIN known AS k ON k.department = h.department
  LEFT JOIN before AS b ON b.department = h.department AND b.app = h.app
  WHERE h.weeks_ago = 0 AND k.weeks >= 4 AND b.app IS NULL
  GROUP BY h.department, h.app
  HAVING COUNT(*) >= $k
)
SELECT u.app, 'department=' || f.department AS scope, u.subject, u.day, SUM(u.bytes_up) AS bytes_up, SUM(u.bytes_up_max) AS bytes_up_max,
       SUM(u.sessions) AS sessions, MAX(f.people) AS measure, 0 AS expected,
       'first use by ' || f.department || ' in ' || MAX(k.weeks) + 1 || ' weeks, by ' || MAX(f.people) || ' people' AS because
FROM used AS u
JOIN fresh AS f ON f.department = u.department AND f.app = u.app
JOIN known AS k ON k.department = f.department
GROUP BY u.app, f.department, u.subject, u.day
