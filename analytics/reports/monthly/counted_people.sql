-- One row: people over the whole period, each counted once; what only a count-only key can count.
SELECT p.people_at_least, p.weeks_counted,
       CASE WHEN p.app IS NULL THEN 'not counted across weeks: that needs a count-only key (shadowai keys init --count)'
            ELSE 'accounts, each counted once; rounded down' END AS counted
FROM scope s
LEFT JOIN people_periods p ON p.app = 'all' AND p.first_day = s.first_day AND p.last_day = s.last_day
ORDER BY counted
