-- What each subject used each day, and whether that was use: the input of ksafe.py.
--
-- In:  personal_hours, homes.  Out: rows.
SELECT u.subject, h.department, u.app, u.day, u.using, u.bytes_up, u.bytes_up_max, u.bytes_down
FROM (
  SELECT subject, app, day, BOOL_OR(grade >= 3) AS using,
         CAST(COALESCE(SUM(CASE WHEN grade >= 3 THEN bytes_up END), 0) AS BIGINT) AS bytes_up,
         CAST(COALESCE(SUM(CASE WHEN grade >= 3 THEN bytes_up_max END), 0) AS BIGINT) AS bytes_up_max,
         CAST(COALESCE(SUM(CASE WHEN grade >= 3 THEN bytes_down END), 0) AS BIGINT) AS bytes_down
  FROM personal_hours
  GROUP BY subject, app, day
) AS u
JOIN homes AS h ON h.subject = u.subject
