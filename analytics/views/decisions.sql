SELECT decision_id, decided_at, finding, decision, valid_until, reason, decided_by
FROM stored.decisions
ORDER BY decided_at, decision_id
