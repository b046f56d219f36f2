-- One row per restricted service and service of its category that grew or was new: where use may have gone.
WITH restricted_apps AS (
    SELECT DISTINCT o.app, k.category
    FROM outcomes o
    JOIN catalog k ON k.app = o.app
    WHERE o.decision = 'restrict' AND k.category IS NOT NULL
)
SELECT r.app AS from_app, v.app, v.service, t.status, v.bytes_up, v.last_bytes_up, v.people, v.people_hidden, v.last_people
FROM restricted_apps r
JOIN services v ON v.category = r.category AND v.app <> r.app
JOIN statuses t ON t.app = v.app
WHERE v.seen AND v.grade >= 3 AND (v.bytes_up > COALESCE(v.last_bytes_up, 0) OR v.people > COALESCE(v.last_people, 0))
ORDER BY r.app, COALESCE(v.bytes_up, 0) - COALESCE(v.last_bytes_up, 0) DESC, v.app
