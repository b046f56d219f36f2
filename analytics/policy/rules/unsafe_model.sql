-- A model in a format that can execute code when loaded (the pickle family, programs), by its first bytes or its name.
SELECT app, 'all' AS scope, subject, MIN(day) AS day, SUM(requests) AS sessions,
       COUNT(DISTINCT COALESCE(repository, '') || '/' || COALESCE(model_file, '') || model_format) AS measure,
       STRING_AGG(DISTINCT model_format, ', ' ORDER BY model_format) || ' told by '
         || STRING_AGG(DISTINCT format_from, ' and ' ORDER BY format_from)
         || COALESCE('; from ' || STRING_AGG(DISTINCT repository, ', ' ORDER BY repository), '')
         || CASE WHEN BOOL_OR(revision IN ('main', 'master', 'latest', 'other')) THEN '; not pinned' ELSE '' END AS because,
       server, server_port
FROM models
WHERE weeks_ago = 0 AND hands_over IS NULL AND model_format IN ('pickle', 'pytorch', 'llamafile')
GROUP BY app, subject, server, server_port
