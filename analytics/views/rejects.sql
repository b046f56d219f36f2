SELECT rejected_at, sensor, source, input, place, reason, count, shape
FROM stored.rejects
