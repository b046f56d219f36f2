SELECT a.week, a.kind, a.name, COALESCE(c.service, a.name) AS service, a.assets, a.exposed, a.unauthenticated,
       a.cleartext, a.people_at_least
FROM stored.ai_assets_weekly AS a
LEFT JOIN stored.catalog AS c ON c.app = a.name
ORDER BY a.week, a.kind, a.name
