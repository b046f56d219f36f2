-- Use by week, subject and service: the comparison data for anomalies.
--
-- In:  near_usage (at least the hours of the weeks from Monday $first to Monday $last), catalog, places (sensors with
--      their time zones).
-- Out: clock, near (a view: use as the policy sees it), spent.
-- Use is grade 3 or more. A program is a client whose TLS hello is not that of a browser, or an access class that only
-- programs have. Hours are in the local time of the site. The baseline of the service (what a visit sends without any
-- prompt) is subtracted once per hour of use with known bytes. Local time is computed once per hour and site.
-- Who moved has the department under which most was used in the week, of any service, as in usage_weekly.
CREATE OR REPLACE TEMP TABLE clock AS
WITH zones AS (SELECT site, MIN(zone) AS zone FROM places WHERE zone IS NOT NULL GROUP BY site),
local AS (
  SELECT u.hour, u.site, CAST(u.hour AT TIME ZONE '$zone' AS DATE) AS day,
         CAST(EXTRACT(hour FROM u.hour AT TIME ZONE COALESCE(z.zone, '$zone')) AS BIGINT) AS local_hour
  FROM (SELECT DISTINCT hour, site FROM near_usage) AS u
  LEFT JOIN zones AS z ON z.site = u.site
)
SELECT *, CAST(DATE_TRUNC('week', day) AS DATE) AS week
FROM local
WHERE day BETWEEN DATE '$first' AND DATE '$last' + 6;

CREATE OR REPLACE TEMP VIEW near AS
SELECT u.hour, c.day, c.local_hour, c.week, u.subject, u.subject_kind, u.user_name, u.department, u.site, u.segment,
       u.app, u.access, COALESCE(u.client_class = 'program', FALSE) OR u.access IN ('api', 'cli', 'agent', 'mcp') AS program,
       u.bytes_up, u.bytes_up_max, u.connections, COALESCE(k.upload_baseline_bytes, 0) AS baseline
FROM near_usage AS u
JOIN clock AS c ON c.hour = u.hour AND c.site IS NOT DISTINCT FROM u.site
LEFT JOIN catalog AS k ON k.app = u.app
WHERE u.grade >= 3;

CREATE OR REPLACE TEMP TABLE spent AS
WITH hours AS MATERIALIZED (
  SELECT subject, app, department, week, hour, MAX(baseline) AS baseline, SUM(bytes_up) AS bytes_up,
         SUM(bytes_up_max) AS bytes_up_max, SUM(connections) AS sessions,
         MAX(CASE WHEN program AND (local_hour >= 22 OR local_hour < 6) THEN 1 ELSE 0 END) AS at_night,
         BOOL_OR(subject_kind NOT IN ('user', 'device', 'address')) AS is_nobody
  FROM near
  GROUP BY subject, app, department, week, hour
),
held AS (
  SELECT week, subject, department, SUM(sessions) AS sessions, MAX(hour) AS last_hour
  FROM hours
  GROUP BY week, subject, department
),
homes AS (
  SELECT week, subject, department, ROW_NUMBER() OVER (
           PARTITION BY week, subject
           ORDER BY COALESCE(department, 'unattributed') = 'unattributed', sessions DESC, last_hour DESC, department
         ) AS nth
  FROM held
)
SELECT h.subject, h.app, MAX(d.department) AS department, h.week,
       CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN COUNT(bytes_up) > 0
                 THEN GREATEST(0, SUM(bytes_up) - SUM(CASE WHEN bytes_up IS NOT NULL THEN baseline END)) END AS BIGINT)
         AS bytes_over,
       CAST(SUM(h.sessions) AS BIGINT) AS sessions,
       CAST(SUM(at_night) AS BIGINT) AS night_hours, BOOL_OR(is_nobody) AS is_nobody
FROM hours AS h
JOIN homes AS d ON d.week = h.week AND d.subject = h.subject AND d.nth = 1
GROUP BY h.subject, h.app, h.week
