SELECT b.week, b.app, COALESCE(c.service, b.app) AS service, b.attempts
FROM stored.blocked_weekly AS b
LEFT JOIN stored.catalog AS c ON c.app = b.app
ORDER BY b.week, b.app
