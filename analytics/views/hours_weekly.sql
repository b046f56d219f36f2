-- When AI services are used, by the clock: hours of k people or more.
SELECT week, kind, days, hour_of_day, subjects_least
FROM stored.hours_weekly
ORDER BY week, kind, days, hour_of_day
