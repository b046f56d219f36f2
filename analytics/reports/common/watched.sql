-- One row: on how many days of the period any sensor reported, and whether any could see more than lookups,
-- and amounts; how many connections had a name or one direction, and whether logs had any; and the most that was seen
-- in its weeks.
WITH sources AS (
    SELECT COUNT(*) AS known, COUNT(*) FILTER (WHERE n.connects) AS connecting,
           BOOL_OR(n.bytes_known) FILTER (WHERE n.connects) AS amounts
    FROM names_weekly n
    CROSS JOIN scope s
    WHERE n.host IS NULL AND n.week BETWEEN CAST(DATE_TRUNC('week', s.first_day) AS DATE) AND s.last_day
),
seen AS (
    SELECT CAST(COUNT(DISTINCT c.day) AS BIGINT) AS days, CAST(SUM(c.minutes_seen) AS BIGINT) AS minutes,
           CAST(SUM(c.flows) AS BIGINT) AS flows, CAST(SUM(c.named_flows) AS BIGINT) AS named_flows,
           CAST(SUM(c.one_sided_flows) AS BIGINT) AS one_sided_flows,
           COALESCE(BOOL_OR(n.kind = 'logs' AND c.internal_connections IS NOT NULL), FALSE) AS connections_logged
    FROM coverage_daily c
    CROSS JOIN scope s
    LEFT JOIN sensors n ON n.sensor = c.sensor AND n.site = c.site
    WHERE c.day BETWEEN s.first_day AND s.last_day AND c.minutes_seen > 0
),
telling AS (
    SELECT CAST(COUNT(DISTINCT c.day) AS BIGINT) AS days
    FROM coverage_daily c
    JOIN names_weekly n ON n.sensor = c.sensor AND n.source = c.source AND n.week = DATE_TRUNC('week', c.day)
    CROSS JOIN scope s
    WHERE n.host IS NULL AND n.connects AND c.day BETWEEN s.first_day AND s.last_day AND c.minutes_seen > 0
),
best AS (
    SELECT MAX(u.grade) AS grade
    FROM usage_weekly u
    JOIN scope s ON u.week BETWEEN CAST(DATE_TRUNC('week', s.first_day) AS DATE) AND s.last_day
    WHERE u.department = 'all' AND u.app = 'all'
)
SELECT seen.days, telling.days AS telling_days, seen.minutes, seen.flows, seen.named_flows, seen.one_sided_flows, seen.connections_logged,
       CASE WHEN sources.known > 0 THEN sources.connecting > 0 END AS connects,
       sources.amounts, best.grade
FROM seen
CROSS JOIN sources
CROSS JOIN telling
CROSS JOIN best
ORDER BY seen.days
