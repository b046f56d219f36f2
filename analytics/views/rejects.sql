SELECT rejected_at, sensor, source, input, place, reason, count, shape
FROM stored.rejects
ORDER BY rejected_at, input, place, reason
