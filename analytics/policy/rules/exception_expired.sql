-- Use continues after the last day of the exception that allowed it. The rule of its status finds it, too: an exception
-- of fewer than k people is too narrow a scope to be shown.
SELECT app, 'exception=' || lapsed AS scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'exception ' || lapsed || ' expired on ' || lapsed_on AS because,
       lapsed_owner AS owner, MIN(line) AS line
FROM judged
WHERE lapsed IS NOT NULL AND NOT excused AND kind = 'status' AND status IN ('unsanctioned', 'restricted', 'unreviewed')
GROUP BY app, lapsed, lapsed_owner, lapsed_on, subject, day
