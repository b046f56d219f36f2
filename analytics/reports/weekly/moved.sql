-- One row per restricted service and service of its category that grew or was new: where use may have gone. What was
-- hidden last week cannot be compared.
WITH restricted_apps AS (
    SELECT DISTINCT o.app, k.category
    FROM outcomes o
    JOIN catalog k ON k.app = o.app
    WHERE o.decision = 'restrict' AND k.category IS NOT NULL
),
used AS (
    SELECT app, service, category, COALESCE(last_grade >= 3, FALSE) AS used_last_week,
           CASE WHEN last_grade >= 3 THEN bytes_up - last_bytes_up ELSE bytes_up END AS more_bytes,
           CASE WHEN last_grade >= 3 THEN people - last_people ELSE people END AS more_people
    FROM services
    WHERE seen AND grade >= 3
)
SELECT r.app AS from_app, u.app, u.service, t.status, u.more_bytes, u.more_people
FROM restricted_apps r
JOIN used u ON u.category = r.category AND u.app <> r.app
JOIN statuses t ON t.app = u.app
WHERE NOT u.used_last_week OR u.more_bytes > 0 OR u.more_people > 0
ORDER BY r.app, COALESCE(GREATEST(u.more_bytes, 0), 0) DESC, COALESCE(u.more_people, 0) DESC, u.app
