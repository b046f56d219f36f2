-- One row per band of the people who sent most, cumulative.
SELECT c.band, c.people, c.bytes_up_percent
FROM concentration_weekly c
JOIN scope s ON c.week = s.week
ORDER BY c.band
