-- One row per service and change against last week. `compares` marks changes that need a comparable week.
WITH known AS (
    SELECT v.*, s.week, s.earliest
    FROM services v
    CROSS JOIN scope s
),
every_change AS (
    SELECT 1 AS priority, 'first seen' AS change, FALSE AS compares, k.*
    FROM known k
    WHERE k.seen AND k.grade >= 3 AND k.first_week = k.week AND k.week > k.earliest
    UNION ALL
    SELECT 2, 'began uploading', FALSE, k.*
    FROM known k
    WHERE k.seen AND k.grade >= 4 AND k.earlier_grade < 4 AND k.week > k.earliest
    UNION ALL
    SELECT 3, 'grew', TRUE, k.*
    FROM known k
    WHERE k.bytes_up - k.last_bytes_up >= 1000000 AND 2 * k.bytes_up >= 3 * k.last_bytes_up
      AND k.last_grade >= 3
    UNION ALL
    SELECT 4, 'fell', TRUE, k.*
    FROM known k
    WHERE k.seen AND k.last_bytes_up - k.bytes_up >= 1000000 AND 2 * k.bytes_up <= k.last_bytes_up
    UNION ALL
    SELECT 5, 'back', TRUE, k.*
    FROM known k
    WHERE k.seen AND k.grade >= 3 AND k.earlier_grade >= 3 AND COALESCE(k.last_grade, 0) < 3
    UNION ALL
    SELECT 6, 'gone', TRUE, k.*
    FROM known k
    WHERE NOT k.seen AND k.last_grade >= 3
)
SELECT priority, change, compares, app, service, grade, evidence, people, people_hidden, bytes_up, bytes_up_max,
       last_bytes_up, last_people, last_people_hidden
FROM every_change
ORDER BY priority, COALESCE(bytes_up, last_bytes_up, 0) DESC, app
