-- One row per site with sensors: how many people its settings say stand behind them.
SELECT site, MAX(population) AS population
FROM sensors
GROUP BY site
ORDER BY site
