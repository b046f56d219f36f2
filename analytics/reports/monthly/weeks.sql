-- One row per week of the period.
WITH days AS (
    SELECT CAST(DATE_TRUNC('week', day) AS DATE) AS week, CAST(COUNT(DISTINCT day) AS BIGINT) AS watched_days
    FROM coverage_daily
    WHERE minutes_seen > 0
    GROUP BY 1
),
in_use AS (
    SELECT week, CAST(COUNT(*) AS BIGINT) AS services
    FROM usage_weekly
    WHERE department = 'all' AND app <> 'all' AND grade >= 3
    GROUP BY week
)
SELECT u.week, u.grade, u.people, u.people_hidden, u.people_any_grade AS seen_at_any_grade,
       u.bytes_up, u.bytes_up_max, u.bytes_down,
       COALESCE(i.services, 0) AS services, COALESCE(d.watched_days, 0) AS watched_days
FROM usage_weekly u
CROSS JOIN scope s
LEFT JOIN in_use i ON i.week = u.week
LEFT JOIN days d ON d.week = u.week
WHERE u.department = 'all' AND u.app = 'all' AND u.week BETWEEN s.first_day AND s.last_day
ORDER BY u.week
