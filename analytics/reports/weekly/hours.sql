-- One row per hour of the clock with use by people, programs or machines.
SELECT h.kind, h.days, h.hour_of_day, h.subjects_least
FROM hours_weekly h
JOIN scope s ON h.week = s.week
ORDER BY h.kind, h.days, h.hour_of_day
