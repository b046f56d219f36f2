SELECT m.day, m.site, m.subject, m.subject_kind, m.department, m.app, COALESCE(c.service, m.app) AS service, m.server, m.server_port,
       m.repository, m.revision, COALESCE(m.revision IN ('commit', 'digest', 'version'), FALSE) AS pinned,
       m.model_file, m.model_format, m.format_from,
       COALESCE(m.model_format IN ('pickle', 'pytorch', 'llamafile'), FALSE) AS runs_code,
       m.hands_over, m.requests, m.bytes_up, m.bytes_down
FROM stored.model_pulls_daily AS m
LEFT JOIN stored.catalog AS c ON c.app = m.app
ORDER BY m.day, m.site, m.subject, m.app, m.repository, m.revision, m.model_file, m.model_format, m.hands_over, m.server,
         m.server_port, m.department, m.format_from, m.requests, m.bytes_up, m.bytes_down
