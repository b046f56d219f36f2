-- How unequally people send, in bands of k people or more.
SELECT week, band, people, bytes_up_percent
FROM stored.concentration_weekly
ORDER BY week, band
