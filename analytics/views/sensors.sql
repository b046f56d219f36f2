SELECT sensor, site, vantage, rank, kind, zone, cadence_s, population
FROM stored.sensors
ORDER BY sensor, site
