-- One row per week of the period that has begun. Of one without use, figures are 0 only if its sources could show use,
-- and enough of it was seen, by the shares of common/sight.py; else they are unknown.
WITH begun AS (
    SELECT CAST(UNNEST(GENERATE_SERIES(s.first_day, s.until, INTERVAL 7 DAY)) AS DATE) AS week
    FROM scope s
),
days AS (
    SELECT CAST(DATE_TRUNC('week', day) AS DATE) AS week, CAST(COUNT(DISTINCT day) AS BIGINT) AS watched_days,
           COALESCE(SUM(flows), 0) AS flows, COALESCE(SUM(named_flows), 0) AS named_flows,
           COALESCE(SUM(one_sided_flows), 0) AS one_sided_flows
    FROM coverage_daily
    WHERE minutes_seen > 0
    GROUP BY 1
),
seen AS (
    SELECT b.week, COALESCE(d.watched_days, 0) AS watched_days,
           COALESCE(t.told AND d.named_flows >= 0.8 * d.flows AND d.one_sided_flows <= 0.2 * d.flows, FALSE) AS enough
    FROM begun b
    LEFT JOIN days d ON d.week = b.week
    LEFT JOIN telling t ON t.week = b.week
),
in_use AS (
    SELECT week, CAST(COUNT(*) AS BIGINT) AS services
    FROM usage_weekly
    WHERE department = 'all' AND app <> 'all' AND grade >= 3
    GROUP BY week
),
used AS (
    SELECT * FROM usage_weekly WHERE department = 'all' AND app = 'all'
),
known AS (
    SELECT s.week, s.watched_days, u.grade, u.people, u.people_hidden, u.people_any_grade, u.bytes_up, u.bytes_up_max,
           u.bytes_down, u.week IS NULL AS is_idle, s.enough OR COALESCE(u.grade >= 3, FALSE) AS is_known
    FROM seen s
    LEFT JOIN used u ON u.week = s.week
)
SELECT k.week, k.grade, CASE WHEN k.is_known THEN CASE WHEN k.is_idle THEN 0 ELSE k.people END END AS people,
       COALESCE(k.people_hidden, FALSE) AS people_hidden, k.people_any_grade AS seen_at_any_grade,
       CASE WHEN k.is_known THEN CASE WHEN k.is_idle THEN 0 ELSE k.bytes_up END END AS bytes_up,
       CASE WHEN k.is_known THEN CASE WHEN k.is_idle THEN 0 ELSE k.bytes_up_max END END AS bytes_up_max,
       CASE WHEN k.is_known THEN CASE WHEN k.is_idle THEN 0 ELSE k.bytes_down END END AS bytes_down,
       CASE WHEN k.is_known THEN COALESCE(i.services, 0) END AS services, k.watched_days
FROM known k
LEFT JOIN in_use i ON i.week = k.week
ORDER BY k.week
