-- The hours of the week on its own clock, of people and of what is none.
--
-- In:  week_usage_hourly, week_not_use_hourly.
-- Out: all_hours, personal_hours (of subjects that may be one of our people), nobodies (of the others), not_use; homes:
--      the department of a subject, one a week, so that departments add up to everyone: that under which it used most.
-- Only the columns that the cubes need are read, local time is computed once per hour, and subjects become integers, in
-- the order of their tokens: who is drawn into a pool must be the same people in each version of the week.
CREATE OR REPLACE TEMP TABLE all_hours AS
WITH clock AS MATERIALIZED (
  SELECT hour, CAST(hour AT TIME ZONE '$zone' AS DATE) AS day,
         CAST(EXTRACT(hour FROM hour AT TIME ZONE '$zone') AS SMALLINT) AS hour_of_day
  FROM (SELECT DISTINCT hour FROM week_usage_hourly) AS hours
),
subjects AS (
  SELECT subject, ROW_NUMBER() OVER (ORDER BY subject) AS nth FROM (SELECT DISTINCT subject FROM week_usage_hourly) AS names
)
SELECT c.day, c.hour_of_day, s.nth AS subject, u.subject_kind, $personal AS personal, u.department, u.site,
       u.app, u.access, u.client_class, u.grade, u.bytes_up, u.bytes_up_max, u.bytes_down, u.connections,
       u.requests, u.lookups, u.corroborations, u.attributed_by, u.confidence
FROM week_usage_hourly AS u
JOIN clock AS c ON c.hour = u.hour
JOIN subjects AS s ON s.subject = u.subject
WHERE c.day BETWEEN DATE '$week' AND DATE '$week' + 6;

CREATE OR REPLACE TEMP VIEW personal_hours AS SELECT * FROM all_hours WHERE personal;

CREATE OR REPLACE TEMP TABLE nobodies AS SELECT * FROM all_hours WHERE NOT personal;

CREATE OR REPLACE TEMP TABLE homes AS
WITH held AS (
  SELECT subject, department, SUM(CASE WHEN grade >= 3 THEN connections ELSE 0 END) AS connections, MAX(day) AS last_day
  FROM personal_hours
  GROUP BY subject, department
),
ranked AS (
  SELECT subject, department, ROW_NUMBER() OVER (
    PARTITION BY subject ORDER BY department = 'unattributed', connections DESC, last_day DESC, department
  ) AS nth
  FROM held
)
SELECT subject, department FROM ranked WHERE nth = 1;

CREATE OR REPLACE TEMP TABLE not_use AS
SELECT *, CASE WHEN $personal THEN 'person' ELSE subject_kind END AS kind
FROM week_not_use_hourly
WHERE CAST(DATE_TRUNC('week', hour AT TIME ZONE '$zone') AS DATE) = DATE '$week'
  AND subject_kind <> 'outside'
