-- One row per service that somebody tried to reach and a control refused: attempted, not used.
SELECT b.app, b.service, CAST(SUM(b.attempts) AS BIGINT) AS attempts
FROM blocked_weekly b
JOIN scope s ON s.week = b.week
GROUP BY b.app, b.service
ORDER BY COALESCE(SUM(b.attempts), 0) DESC, b.app, b.service
