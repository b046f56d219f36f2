-- One row per question worth deciding. `compares` marks rules that need last week to be comparable.
WITH current_services AS (
    SELECT v.*, s.week, s.earliest
    FROM services v
    CROSS JOIN scope s
    WHERE v.seen
),
-- A site is listed by name only where at least k people used the service there in its first week.
wide_starts AS (
    SELECT DISTINCT app, first_week
    FROM first_seen
    WHERE site <> 'all' AND grade >= 4
),
-- Whether it may be used is answered: by a line of the policy, or by whoever decided about the missing one.
ruled AS (
    SELECT app FROM statuses WHERE status NOT IN ('unreviewed', 'under_review')
    UNION
    SELECT app FROM findings WHERE rule = 'unreviewed_service' AND status NOT IN ('open', 'not evaluable')
),
new_uploads AS (
    SELECT 1 AS priority, 'new_uploads' AS rule, FALSE AS compares, c.*
    FROM current_services c
    LEFT JOIN wide_starts w ON w.app = c.app AND w.first_week = c.week
    LEFT JOIN ruled r ON r.app = c.app
    WHERE c.first_week = c.week AND c.week > c.earliest AND c.grade >= 4
      AND (NOT c.people_hidden OR w.app IS NOT NULL) AND r.app IS NULL
),
hub_uploads AS (
    SELECT 2 AS priority, 'hub_uploads' AS rule, FALSE AS compares, c.*
    FROM current_services c
    WHERE c.category = 'model-hub' AND c.grade >= 4
),
doubled AS (
    SELECT 3 AS priority, 'doubled' AS rule, TRUE AS compares, c.*
    FROM current_services c
    WHERE c.last_bytes_up > 0 AND c.bytes_up > 2 * c.last_bytes_up AND c.bytes_up - c.last_bytes_up >= 1000000
),
programs AS (
    SELECT 4 AS priority, 'programs' AS rule, TRUE AS compares, c.*
    FROM current_services c
    WHERE c.category IN ('agent', 'api', 'coding', 'coding-agent', 'gateway')
      AND c.grade >= 3 AND c.last_connections > 0 AND 2 * c.connections >= 3 * c.last_connections
      AND c.connections - c.last_connections >= 20
),
every_rule AS (
    SELECT * FROM new_uploads
    UNION ALL SELECT * FROM hub_uploads
    UNION ALL SELECT * FROM doubled
    UNION ALL SELECT * FROM programs
)
SELECT r.priority, r.rule, r.compares, r.app, r.service, r.category, r.grade, r.evidence, r.people, r.people_hidden,
       r.bytes_up, r.bytes_up_max, r.bytes_down, r.last_bytes_up, r.connections, r.last_connections, t.owner,
       CAST(s.sunday + 14 AS DATE) AS due
FROM every_rule r
CROSS JOIN scope s
LEFT JOIN statuses t ON t.app = r.app
ORDER BY r.priority, COALESCE(r.bytes_up, 0) DESC, r.app
