-- One row per week of the last twelve: the totals, people counted once, and how many services.
WITH weeks AS (
    SELECT u.week, u.grade, u.evidence, u.people, u.people_hidden, u.people_any_grade,
           u.bytes_up, u.bytes_up_max, u.bytes_down
    FROM usage_weekly u
    CROSS JOIN scope s
    WHERE u.department = 'all' AND u.app = 'all' AND u.grade IS NOT NULL AND u.week BETWEEN s.oldest AND s.week
),
in_use AS (
    SELECT week,
           CAST(SUM(CASE WHEN grade >= 3 THEN 1 ELSE 0 END) AS BIGINT) AS services,
           CAST(SUM(CASE WHEN grade >= 4 THEN 1 ELSE 0 END) AS BIGINT) AS services_uploading
    FROM usage_weekly
    WHERE department = 'all' AND app <> 'all'
    GROUP BY week
),
new_by_week AS (
    SELECT first_week AS week, CAST(COUNT(*) AS BIGINT) AS first_seen
    FROM first_seen
    WHERE site = 'all' AND grade >= 3
    GROUP BY first_week
)
SELECT w.week, w.grade, w.evidence, w.people, w.people_hidden, w.people_any_grade, w.bytes_up, w.bytes_up_max, w.bytes_down,
       COALESCE(i.services, 0) AS services,
       COALESCE(i.services_uploading, 0) AS services_uploading,
       COALESCE(n.first_seen, 0) AS first_seen
FROM weeks w
LEFT JOIN in_use i ON i.week = w.week
LEFT JOIN new_by_week n ON n.week = w.week
ORDER BY w.week
