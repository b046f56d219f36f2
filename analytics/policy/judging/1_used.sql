-- The use of the week as the policy sees it, and the weeks before by subject.
--
-- In:  near, spent (0_spent.sql), near_servers (AI servers by day), near_models (models by day), catalog.
-- Out: used, subject_weeks, users, seen_weeks, comparable_weeks (earlier weeks with use, and those with the same keys),
--      servers, fabric (servers of GPU clusters, and storage and state that their hosts use), models, nobodies (subjects
--      that are not people: machines, service accounts, shared addresses).
CREATE OR REPLACE TEMP TABLE servers AS
SELECT s.*, CAST(DATE_DIFF('day', CAST(DATE_TRUNC('week', s.day) AS DATE), DATE '$week') / 7 AS BIGINT) AS weeks_ago
FROM near_servers AS s
WHERE s.day BETWEEN DATE '$week' - 7 * $history AND DATE '$week' + 6;

-- Storage and state (NFS, etcd …) are not specific to clusters. They count if one end speaks a protocol of GPU
-- clusters.
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
SELECT subject FROM spent WHERE is_nobody AND week BETWEEN DATE '$week' - 7 * $history AND DATE '$week'
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
WHERE week = DATE '$week' AND hour BETWEEN $near_from AND $near_to  -- limits the files that are read
GROUP BY hour, day, local_hour, subject, user_name, department, site, segment, app, access, program;

CREATE OR REPLACE TEMP TABLE subject_weeks AS
SELECT subject, app, department, CAST(DATE_DIFF('day', week, DATE '$week') / 7 AS BIGINT) AS weeks_ago,
       bytes_up, bytes_up_max, bytes_over, sessions, night_hours
FROM spent
WHERE week BETWEEN DATE '$week' - 7 * $history AND DATE '$week';

CREATE OR REPLACE TEMP TABLE users AS
SELECT app, subject, CAST(COALESCE(SUM(bytes_up), 0) AS BIGINT) AS bytes_up,
       CAST(COALESCE(SUM(bytes_up_max), 0) AS BIGINT) AS bytes_up_max
FROM used GROUP BY app, subject;

CREATE OR REPLACE TEMP TABLE seen_weeks AS
SELECT DISTINCT weeks_ago FROM subject_weeks WHERE weeks_ago > 0;

-- Tokens change with the keys. A week in which some subject of this week is known has the same keys.
CREATE OR REPLACE TEMP TABLE comparable_weeks AS
SELECT DISTINCT weeks_ago FROM subject_weeks
WHERE weeks_ago > 0 AND subject IN (SELECT subject FROM subject_weeks WHERE weeks_ago = 0)
