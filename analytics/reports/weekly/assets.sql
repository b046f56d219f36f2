-- One row per product of AI servers, MCP server or kind of key in the clear this week, with last week's count.
SELECT a.kind, a.name, a.service, a.assets, a.exposed, a.unauthenticated, a.cleartext, a.people_at_least,
       l.assets AS last_assets
FROM ai_assets_weekly a
CROSS JOIN scope s
LEFT JOIN ai_assets_weekly l ON l.week = s.previous AND l.kind = a.kind AND l.name = a.name
WHERE a.week = s.week
ORDER BY a.exposed DESC, a.unauthenticated DESC, a.assets DESC NULLS LAST, a.kind, a.name
