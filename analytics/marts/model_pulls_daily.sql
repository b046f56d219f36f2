-- Models and data by subject and day (counting/day_sql/15_models.sql): the input of the rules about the model supply chain.
SELECT counted_day, day, site, app, access, server, server_port, server_scope, subject, subject_kind, department, repository, revision,
       model_file, model_format, format_from, hands_over,
       CAST(COUNT(DISTINCT connection) AS BIGINT) AS requests,
       TRY_CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, TRY_CAST(SUM(bytes_down) AS BIGINT) AS bytes_down
FROM model_requests
GROUP BY counted_day, day, site, app, access, server, server_port, server_scope, subject, subject_kind, department, repository, revision,
         model_file, model_format, format_from, hands_over
ORDER BY counted_day, day, site, app, subject, repository, revision, model_file, model_format, hands_over, server, server_port, access,
         server_scope, department, format_from, subject_kind
