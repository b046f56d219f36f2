-- A program works at night (22:00 to 06:00, local time of the site), where programs of this subject never did before.
-- Requires three hours in the week, because one late evening is no pattern. A nightly job has a history and causes no
-- finding.
WITH before AS (
  SELECT subject, app, COUNT(*) AS weeks, MAX(night_hours) AS most FROM subject_weeks WHERE weeks_ago > 0
  GROUP BY subject, app
)
SELECT s.app, 'all' AS scope, s.subject, CAST(NULL AS DATE) AS day, s.bytes_up, s.bytes_up_max, s.sessions, s.night_hours AS measure,
       COALESCE(b.most, 0) AS expected, 2 AS allowed,
       s.night_hours || ' night hours of programs this week; at most ' || COALESCE(b.most, 0)
         || ' in any of ' || COALESCE(b.weeks, 0) || ' earlier weeks of it' AS because
FROM subject_weeks AS s
LEFT JOIN before AS b ON b.subject = s.subject AND b.app = s.app
WHERE s.weeks_ago = 0 AND s.night_hours >= 3 AND COALESCE(b.most, 0) = 0
