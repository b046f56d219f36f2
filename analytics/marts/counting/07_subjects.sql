-- Who is believed to be behind facets, in words.
--
-- In:  believed, appearances (belief.py), settings, names, ways, staff.  Out: subjects, profiles (facets.py numbers them).
-- `attributed_by` is the origin of the word that was believed, or why there is none. Machine and service accounts are
-- not persons: what they do is counted as theirs. Whoever reaches a server of ours from outside is not one of our people.
CREATE OR REPLACE TEMP TABLE subjects AS
SELECT n.name_nth, n.name AS subject, ROW_NUMBER() OVER (ORDER BY n.name) AS subject_nth
FROM believed AS b
JOIN names AS n ON n.name_nth = b.name_nth;

CREATE OR REPLACE TEMP TABLE profiles AS
WITH posts AS (SELECT DISTINCT post, kind, department, site FROM staff),
met AS (
  SELECT a.appearance, s.* EXCLUDE (setting), p.department, COALESCE(p.site, s.seen_site) AS site,
         COALESCE(p.kind, w.attributed_by) AS attributed_by, p.kind IS NULL AND a.way >= $persons AS is_person
  FROM appearances AS a
  JOIN settings AS s ON s.setting = a.setting
  JOIN ways AS w ON w.way = a.way
  LEFT JOIN posts AS p ON p.post = a.post
),
told AS (
  SELECT appearance, seen_site_nth, scope = 'proxy' AS egress, COALESCE(client_class = 'program', false) AS program,
         attributed_by = 'nobody' AND scope = 'external' AS stranger, is_person, site, segment, client_class, attributed_by,
         CASE WHEN is_person THEN COALESCE(department, 'unattributed') ELSE 'unattributed' END AS department,
         CASE WHEN is_person THEN 'user' WHEN attributed_by = 'nobody' THEN 'address' ELSE attributed_by END AS subject_kind
  FROM met
)
SELECT *, CASE subject_kind WHEN 'user' THEN 0 WHEN 'device' THEN 1 ELSE 2 END AS doubt,
       DENSE_RANK() OVER (ORDER BY site, department, subject_kind, segment, client_class, attributed_by) AS profile
FROM told
