-- One row per status: how many services, and what they received this week and last, where it may be shown.
SELECT t.status,
       CAST(SUM(CASE WHEN v.grade >= 3 THEN 1 ELSE 0 END) AS BIGINT) AS services,
       CAST(SUM(CASE WHEN v.grade >= 3 AND v.bytes_up IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS untold,
       -- What is hidden is hidden in both directions.
       CAST(SUM(CASE WHEN v.grade >= 3 AND v.bytes_up IS NULL AND v.bytes_down IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT)
         AS unmeasured,
       CAST(SUM(v.bytes_up) AS BIGINT) AS bytes_up,
       CAST(SUM(v.bytes_up_max) AS BIGINT) AS bytes_up_max,
       CAST(SUM(v.last_bytes_up) AS BIGINT) AS last_bytes_up,
       CAST(SUM(CASE WHEN v.last_grade >= 3 AND v.last_bytes_up IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS last_untold
FROM services v
JOIN statuses t ON t.app = v.app
WHERE v.grade >= 3 OR v.last_grade >= 3
GROUP BY t.status
ORDER BY COALESCE(SUM(v.bytes_up), -1) DESC, t.status
