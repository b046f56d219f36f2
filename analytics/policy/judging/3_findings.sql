-- The rows that rules found, as findings that may leave the restricted zone.
--
-- In:  found, users, cells (the published figures of services in the week), judged.  Out: finding_rows.
-- Figures of a finding are shown when it has at least k people, and the service has none or at least k other users.
-- They are hidden where the published cube hides the service. People are rounded down to a multiple of k, bytes and
-- sessions to two digits, so that no small group follows by subtracting findings about one service, or a finding from
-- the cube. A finding with a narrower scope than everyone enters the open zone only with at least k people, because use
-- by a small group must not become public. Machines, service accounts and shared addresses can cause a finding, but are
-- not people and add nothing to its figures. A finding about servers without people gives the number of servers, never
-- an address.
CREATE OR REPLACE TEMP TABLE finding_rows AS
WITH those AS (
  SELECT finding, MAX(rule) AS rule, MAX(app) AS app, MAX(scope) AS scope, subject,
         SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions, MAX(measure) AS measure, MAX(allowed) AS allowed,
         MAX(owner) AS owner, MAX(line) AS line, MAX(review) AS review, COUNT(*) AS evidence_rows,
         subject IS NOT NULL AND subject NOT IN (SELECT subject FROM nobodies) AS is_person
  FROM found
  GROUP BY finding, subject
),
them AS (
  SELECT finding, MAX(rule) AS rule, MAX(app) AS app, MAX(scope) AS scope, COUNT(CASE WHEN is_person THEN 1 END) AS people,
         SUM(CASE WHEN is_person THEN bytes_up END) AS bytes_up, MAX(CASE WHEN is_person THEN bytes_up END) AS top,
         SUM(CASE WHEN is_person THEN bytes_up_max END) AS bytes_up_max, MAX(CASE WHEN is_person THEN bytes_up_max END) AS top_max,
         COUNT(CASE WHEN is_person THEN bytes_up END) AS known,
         SUM(CASE WHEN is_person THEN sessions END) AS sessions, MEDIAN(CASE WHEN is_person THEN measure END) AS measure,
         MAX(allowed) AS allowed, MAX(owner) AS owner, MIN(line) AS line, MIN(review) AS review,
         SUM(evidence_rows) AS evidence_rows
  FROM those
  GROUP BY finding
),
places AS (
  SELECT finding, COUNT(DISTINCT server || ':' || CAST(server_port AS VARCHAR)) AS servers
  FROM found
  WHERE server IS NOT NULL
  GROUP BY finding
),
others AS (
  SELECT t.finding, COUNT(*) AS people, SUM(u.bytes_up) AS bytes_up, MAX(u.bytes_up) AS top,
         SUM(u.bytes_up_max) AS bytes_up_max, MAX(u.bytes_up_max) AS top_max
  FROM them AS t
  JOIN users AS u ON u.app = t.app
  LEFT JOIN those AS v ON v.finding = t.finding AND v.subject = u.subject
  WHERE v.subject IS NULL AND u.subject NOT IN (SELECT subject FROM nobodies)
  GROUP BY t.finding
),
weighed AS (
  SELECT t.*, p.servers,
         t.people >= $k AND COALESCE(o.people, 0) NOT BETWEEN 1 AND $k - 1 AND NOT COALESCE(c.people_hidden, TRUE) AS shown,
         t.top <= $dominance * t.bytes_up AND COALESCE(o.top, 0) <= $dominance * COALESCE(o.bytes_up, 0)
           AND COALESCE(t.top_max, 0) <= $dominance * COALESCE(t.bytes_up_max, 0)
           AND COALESCE(o.top_max, 0) <= $dominance * COALESCE(o.bytes_up_max, 0)
           AND c.bytes_up IS NOT NULL AS even
  FROM them AS t
  LEFT JOIN others AS o ON o.finding = t.finding
  LEFT JOIN places AS p ON p.finding = t.finding
  LEFT JOIN cells AS c ON c.app = t.app AND c.department = CASE WHEN t.scope LIKE 'department=%' AND t.scope NOT LIKE '%,%'
                                                              THEN SUBSTR(t.scope, 12) ELSE 'all' END
  WHERE t.scope = 'all' OR t.people = 0 OR t.people >= $k
)
SELECT finding, rule, app, scope,
       CAST(CASE WHEN shown THEN people - people % $k END AS BIGINT) AS people_at_least,
       people > 0 AND NOT shown AS people_hidden,
       CAST(CASE WHEN shown AND even AND known > 0 THEN $round_bytes END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN shown AND even AND known > 0 THEN $round_bytes_max END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN shown THEN $round_sessions END AS BIGINT) AS sessions,
       CAST(CASE WHEN shown THEN $round_measure WHEN people = 0 THEN servers END AS BIGINT) AS measure,
       CAST(allowed AS BIGINT) AS allowed,
       owner, CAST(line AS BIGINT) AS line, review
FROM weighed
