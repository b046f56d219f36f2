SELECT e.week, e.app, COALESCE(c.service, e.app) AS service, e.connections
FROM stored.embedded_weekly AS e
LEFT JOIN stored.catalog AS c ON c.app = e.app
ORDER BY e.week, e.app
