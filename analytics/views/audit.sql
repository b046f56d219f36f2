SELECT entry, done_at, action, case_id, done_by, reason, people, deleted_rows, deleted_files, proof, hash
FROM stored.audit
ORDER BY entry, hash
