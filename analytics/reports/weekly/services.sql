-- One row per service seen this week or last; people counted once per service, blocked attempts left out.
WITH per_week AS (
    SELECT u.week, u.app, u.service, u.vendor, u.category, u.grade, u.evidence, u.people, u.people_hidden, u.people_any_grade,
           u.bytes_up, u.bytes_up_max, u.bytes_down, u.connections, u.requests, u.lookups
    FROM usage_weekly u
    WHERE u.department = 'all' AND u.app <> 'all'
),
this_week AS (
    SELECT p.* FROM per_week p CROSS JOIN scope s WHERE p.week = s.week
),
last_week AS (
    SELECT p.* FROM per_week p CROSS JOIN scope s WHERE p.week = s.previous
),
earlier AS (
    SELECT p.app, MAX(p.grade) AS grade
    FROM per_week p
    CROSS JOIN scope s
    WHERE p.week < s.week
    GROUP BY p.app
),
-- A site has a row of its own; at one of them it may only have been looked up, before it was used anywhere.
first_weeks AS (
    SELECT app, first_week FROM first_seen WHERE site = 'all'
)
SELECT COALESCE(t.app, l.app) AS app,
       COALESCE(t.service, l.service) AS service,
       COALESCE(t.vendor, l.vendor) AS vendor,
       COALESCE(t.category, l.category) AS category,
       t.app IS NOT NULL AS seen,
       t.grade, t.evidence, t.people, t.people_hidden, t.people_any_grade, t.bytes_up, t.bytes_up_max, t.bytes_down,
       t.connections, t.requests, t.lookups,
       l.app IS NOT NULL AS seen_last_week,
       l.grade AS last_grade, l.people AS last_people, l.people_hidden AS last_people_hidden,
       l.bytes_up AS last_bytes_up, l.connections AS last_connections,
       e.grade AS earlier_grade,
       f.first_week
FROM this_week t
FULL OUTER JOIN last_week l ON l.app = t.app
LEFT JOIN earlier e ON e.app = COALESCE(t.app, l.app)
LEFT JOIN first_weeks f ON f.app = COALESCE(t.app, l.app)
ORDER BY COALESCE(t.bytes_up, -1) DESC, COALESCE(t.people, -1) DESC, COALESCE(t.grade, 0) DESC,
         COALESCE(t.people_any_grade, -1) DESC, COALESCE(t.app, l.app)
