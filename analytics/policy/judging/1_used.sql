-- The week's use as policy sees it, and the weeks before in short.
--
-- In:  near_usage (hours of the week and of $history weeks before), near_servers (days of AI servers), near_models (of models), catalog,
-- places (sensors with their zones).
-- Out: near, used, subject_weeks, users, seen_weeks, servers, fabric (servers of GPU clusters, and storage and state that
-- their hosts use), models, nobodies (subjects that are no person: machines, service
-- accounts, shared addresses).
-- Use is grade 3 or more. A program is a client whose hello is no browser's, or an access class that only
-- programs have. Hours are those of the site's own clock. What a visit sends without any prompt (the
-- service's baseline) is taken off once for every hour of use.
-- Clocks are read once an hour and site.
CREATE OR REPLACE TEMP TABLE clock AS
WITH zones AS (SELECT site, MIN(zone) AS zone FROM places WHERE zone IS NOT NULL GROUP BY site),
local AS (
  SELECT u.hour, u.site, CAST(u.hour AT TIME ZONE '$zone' AS DATE) AS day,
         CAST(EXTRACT(hour FROM u.hour AT TIME ZONE COALESCE(z.zone, '$zone')) AS BIGINT) AS local_hour
  FROM (SELECT DISTINCT hour, site FROM near_usage) AS u
  LEFT JOIN zones AS z ON z.site = u.site
)
SELECT *, CAST(DATE_DIFF('day', CAST(DATE_TRUNC('week', day) AS DATE), DATE '$week') / 7 AS BIGINT) AS weeks_ago
FROM local
WHERE day BETWEEN DATE '$week' - 7 * $history AND DATE '$week' + 6;

CREATE OR REPLACE TEMP VIEW near AS
SELECT u.hour, c.day, c.local_hour, c.weeks_ago, u.subject, u.subject_kind, u.user_name, u.department, u.site, u.segment,
       u.app, u.access, COALESCE(u.client_class = 'program', FALSE) OR u.access IN ('api', 'cli', 'agent', 'mcp') AS program,
       u.bytes_up, u.bytes_up_max, u.connections, COALESCE(k.upload_baseline_bytes, 0) AS baseline
FROM near_usage AS u
JOIN clock AS c ON c.hour = u.hour AND c.site IS NOT DISTINCT FROM u.site
LEFT JOIN catalog AS k ON k.app = u.app
WHERE u.grade >= 3;

CREATE OR REPLACE TEMP TABLE servers AS
SELECT s.*, CAST(DATE_DIFF('day', CAST(DATE_TRUNC('week', s.day) AS DATE), DATE '$week') / 7 AS BIGINT) AS weeks_ago
FROM near_servers AS s
WHERE s.day BETWEEN DATE '$week' - 7 * $history AND DATE '$week' + 6;

-- Files and state of clusters (NFS, etcd …) are everybody's: they count where one end speaks a GPU cluster's own protocols.
CREATE OR REPLACE TEMP TABLE fabric AS
WITH spoken AS (
  SELECT s.*, c.category FROM servers AS s JOIN catalog AS c ON c.app = s.app AND c.category IN ('gpu-cluster', 'cluster-support')
),
hosts AS (
  SELECT server AS host FROM spoken WHERE category = 'gpu-cluster'
  UNION
  SELECT subject FROM spoken WHERE category = 'gpu-cluster' AND subject_kind = 'address'
)
SELECT * FROM spoken
WHERE category = 'gpu-cluster' OR server IN (SELECT host FROM hosts) OR subject IN (SELECT host FROM hosts);

CREATE OR REPLACE TEMP TABLE models AS
SELECT m.*, CAST(DATE_DIFF('day', CAST(DATE_TRUNC('week', m.day) AS DATE), DATE '$week') / 7 AS BIGINT) AS weeks_ago
FROM near_models AS m
WHERE m.day BETWEEN DATE '$week' - 7 * $history AND DATE '$week' + 6;

CREATE OR REPLACE TEMP TABLE nobodies AS
SELECT subject FROM near WHERE subject_kind NOT IN ('user', 'device', 'address')
UNION
SELECT subject FROM servers WHERE subject_kind NOT IN ('user', 'device', 'address')
UNION
SELECT subject FROM models WHERE subject_kind NOT IN ('user', 'device', 'address');

CREATE OR REPLACE TEMP TABLE used AS
SELECT ROW_NUMBER() OVER () AS nr,
       hour, day, local_hour, subject, user_name, department, site, segment, app, access, program,
       SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(connections) AS sessions,
       MAX(baseline) AS baseline
FROM near
WHERE weeks_ago = 0
GROUP BY hour, day, local_hour, subject, user_name, department, site, segment, app, access, program;

CREATE OR REPLACE TEMP TABLE subject_weeks AS
WITH hours AS (
  SELECT subject, app, department, weeks_ago, hour, MAX(baseline) AS baseline, SUM(bytes_up) AS bytes_up,
         SUM(bytes_up_max) AS bytes_up_max, SUM(connections) AS sessions,
         MAX(CASE WHEN program AND (local_hour >= 22 OR local_hour < 6) THEN 1 ELSE 0 END) AS at_night
  FROM near
  GROUP BY subject, app, department, weeks_ago, hour
)
SELECT subject, app, MIN(department) AS department, weeks_ago,
       CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max,
       CAST(GREATEST(0, SUM(bytes_up) - SUM(baseline)) AS BIGINT) AS bytes_over,
       CAST(SUM(sessions) AS BIGINT) AS sessions,
       CAST(SUM(at_night) AS BIGINT) AS night_hours
FROM hours
GROUP BY subject, app, weeks_ago;

CREATE OR REPLACE TEMP TABLE users AS
SELECT app, subject, CAST(COALESCE(SUM(bytes_up), 0) AS BIGINT) AS bytes_up,
       CAST(COALESCE(SUM(bytes_up_max), 0) AS BIGINT) AS bytes_up_max
FROM used GROUP BY app, subject;

CREATE OR REPLACE TEMP TABLE seen_weeks AS
SELECT DISTINCT weeks_ago FROM subject_weeks WHERE weeks_ago > 0
