-- Days of models and data by subject (counting/15_models.sql): what the rules about the supply of models judge.
SELECT counted_day, day, site, app, access, server, server_port, server_scope, subject, subject_kind, department, repository, revision,
       model_file, model_format, format_from, hands_over,
       CAST(COUNT(DISTINCT connection) AS BIGINT) AS requests,
       CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, CAST(SUM(bytes_down) AS BIGINT) AS bytes_down
FROM at_models
GROUP BY counted_day, day, site, app, access, server, server_port, server_scope, subject, subject_kind, department, repository, revision,
         model_file, model_format, format_from, hands_over
ORDER BY counted_day, day, site, app, subject, repository, revision, model_file, model_format, hands_over, server, server_port, access,
         server_scope, department, format_from, subject_kind
