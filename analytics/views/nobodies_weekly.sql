SELECT n.week, n.app, COALESCE(c.service, n.app) AS service, n.kind, n.grade, n.subjects, n.connections, n.bytes_up, n.bytes_up_max,
       n.bytes_down
FROM stored.nobodies_weekly AS n
LEFT JOIN stored.catalog AS c ON c.app = n.app
ORDER BY n.week, n.app, n.kind
