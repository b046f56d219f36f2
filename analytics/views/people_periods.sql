-- Counted by second tokens where the count-only key is (docs/privacy.md); only the figures are in the lake.
SELECT p.period, p.first_day, p.last_day, p.app, COALESCE(c.service, p.app) AS service,
       p.people_at_least, p.weeks_counted
FROM stored.people_periods AS p
LEFT JOIN stored.catalog AS c ON c.app = p.app
ORDER BY p.period, p.first_day, p.app
