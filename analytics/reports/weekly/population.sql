-- One row per site watched in the week: how many people its settings say stand behind its sensors.
SELECT n.site, MAX(n.population) AS population
FROM sensors n
WHERE n.site IN (SELECT e.site FROM coverage_weekly e JOIN scope s ON s.week = e.week)
GROUP BY n.site
ORDER BY n.site
