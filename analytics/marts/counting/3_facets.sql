-- What the numbers of a facet stand for.
--
-- In:  beliefs, appearances (belief.py), aims, settings, names, ways, staff, contexts, targets.
-- Out: subjects, bearers (a view), facet_numbers, facets (a view).
-- Numbers stand for words: `manner` (all that is said of a subject but its name), `bearer` (a subject and its manner),
-- `party` (a subject under an outcome on a day), `service` (a party and an app), `host_nth` (0: unknown), `eye` (a vantage
-- and kind), `cell` (a row of usage_hourly but for hour and grade: bearer, day, offer, and whether somebody from outside).
-- `attributed_by` is the origin of the word that was believed, or why there is none. Machine and service accounts are
-- no persons: what they do is theirs. Who comes from outside to a server of ours is none of our people.
CREATE OR REPLACE TEMP TABLE subjects AS
SELECT n.name_nth, n.name AS subject, ROW_NUMBER() OVER (ORDER BY n.name) AS subject_nth
FROM (SELECT DISTINCT name_nth FROM appearances) AS a
JOIN names AS n ON n.name_nth = a.name_nth;

CREATE OR REPLACE TEMP TABLE manners AS
WITH posts AS (SELECT DISTINCT post, kind, department, site FROM staff),
met AS (
  SELECT a.post, a.way, a.setting, s.* EXCLUDE (setting), p.department, COALESCE(p.site, s.seen_site) AS site,
         COALESCE(p.kind, w.attributed_by) AS attributed_by, p.kind IS NULL AND a.way >= $persons AS is_person
  FROM (SELECT DISTINCT post, way, setting FROM appearances) AS a
  JOIN settings AS s ON s.setting = a.setting
  JOIN ways AS w ON w.way = a.way
  LEFT JOIN posts AS p ON p.post = a.post
),
told AS (
  SELECT post, way, setting, seen_site_nth, scope = 'proxy' AS egress, COALESCE(client_class = 'program', false) AS program,
         attributed_by = 'nobody' AND scope = 'external' AS stranger, is_person, site, segment, client_class, attributed_by,
         CASE WHEN is_person THEN COALESCE(department, 'unattributed') ELSE 'unattributed' END AS department,
         CASE WHEN is_person THEN 'user' WHEN attributed_by = 'nobody' THEN 'address' ELSE attributed_by END AS subject_kind
  FROM met
)
SELECT *, DENSE_RANK() OVER (ORDER BY site, department, subject_kind, segment, client_class, attributed_by) AS manner
FROM told;

CREATE OR REPLACE TEMP VIEW appearing AS
SELECT a.appearance, s.subject_nth, m.*
FROM appearances AS a
JOIN subjects AS s ON s.name_nth = a.name_nth
JOIN manners AS m ON m.post = a.post AND m.way = a.way AND m.setting = a.setting;

CREATE OR REPLACE TEMP TABLE bearer_numbers AS
SELECT ROW_NUMBER() OVER (ORDER BY subject_nth, manner) AS bearer, subject_nth, manner
FROM (SELECT DISTINCT subject_nth, manner FROM appearing) AS met;

CREATE OR REPLACE TEMP VIEW bearers AS
WITH told AS (SELECT DISTINCT manner, site, department, subject_kind, segment, client_class, attributed_by FROM manners)
SELECT b.bearer, s.subject, t.* EXCLUDE (manner), CASE WHEN t.subject_kind = 'user' THEN s.subject END AS user_name
FROM bearer_numbers AS b
JOIN subjects AS s ON s.subject_nth = b.subject_nth
JOIN told AS t ON t.manner = b.manner;

CREATE OR REPLACE TEMP TABLE borne AS
SELECT a.appearance, b.bearer, a.subject_nth, a.subject_kind, a.is_person, a.egress, a.seen_site_nth, a.program, a.stranger
FROM appearing AS a
JOIN bearer_numbers AS b ON b.subject_nth = a.subject_nth AND b.manner = a.manner;

CREATE OR REPLACE TEMP TABLE facet_numbers AS
WITH met AS (
  SELECT f.facet, f.day, t.target, a.egress, a.seen_site_nth, a.bearer,
         CASE WHEN a.is_person THEN f.confidence END AS confidence,
         a.program, a.stranger AND t.by_manner AS outside, a.subject_kind,
         (a.subject_nth * 8 + f.day) * 4 + t.outcome_nth AS party,
         t.outcome, t.seen_by, t.host_nth, t.app_nth, t.offer
  FROM beliefs AS f
  JOIN aims AS t ON t.target = f.facet % $aims
  JOIN borne AS a ON a.appearance = f.appearance
)
SELECT facet, day, target, egress, seen_site_nth, confidence, program, outside, outcome, seen_by AS eye, host_nth,
       app_nth, party, party * 16777216 + app_nth AS service, bearer,
       (bearer * 8 + day) * 33554432 + offer * 2 + CASE WHEN outside THEN 1 ELSE 0 END AS cell,
       CASE WHEN outside THEN 'outside' ELSE subject_kind END AS subject_kind,
       CASE subject_kind WHEN 'user' THEN 0 WHEN 'device' THEN 1 ELSE 2 END AS doubt
FROM met;

CREATE OR REPLACE TEMP VIEW facets AS
SELECT n.facet, n.day AS counted_day, n.service, n.outcome, n.subject_kind, n.confidence, b.subject, b.user_name,
       b.attributed_by, b.department, b.site, c.seen_site, t.app, t.access
FROM facet_numbers AS n
JOIN beliefs AS f ON f.facet = n.facet
JOIN contexts AS c ON c.context = f.context
JOIN bearers AS b ON b.bearer = n.bearer
JOIN targets AS t ON t.target = n.target
