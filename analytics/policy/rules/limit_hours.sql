-- Use outside the allowed hours, in the local time of the site.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       COUNT(DISTINCT hour) AS measure,
       'at ' || MIN(local_hour) || ':00 to ' || MAX(local_hour) || ':59; allowed ' || hour_from || ':00 to '
         || hour_to || ':00' AS because,
       MIN(owner) AS owner, line
FROM judged
WHERE kind = 'hours' AND NOT excused
  AND NOT CASE WHEN hour_from < hour_to THEN local_hour >= hour_from AND local_hour < hour_to
               ELSE local_hour >= hour_from OR local_hour < hour_to END
GROUP BY app, scope, subject, day, line, hour_from, hour_to
