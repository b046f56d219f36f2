-- One row per site whose settings say how many people stand behind its sensors.
SELECT site, MAX(population) AS population
FROM sensors
WHERE population IS NOT NULL
GROUP BY site
ORDER BY site
