-- The subjects that facets are attributed to, and their profiles.
--
-- In:  chosen_names, profile_keys (attribution.py), environments, names, methods, staff.
-- Out: subjects, profiles (facets.py encodes them).
-- `attributed_by` is the origin of the statement that decided, or the reason why nobody is named. Machine and service
-- accounts are subjects of their own kind, not people. Neither are clients that reach one of our servers from outside.
CREATE OR REPLACE TEMP TABLE subjects AS
SELECT n.name_id, n.name AS subject, ROW_NUMBER() OVER (ORDER BY n.name) AS subject_id
FROM chosen_names AS b
JOIN names AS n ON n.name_id = b.name_id;

CREATE OR REPLACE TEMP TABLE profiles AS
WITH org_units AS (SELECT DISTINCT org_unit, kind, department, site FROM staff),
found AS (
  SELECT a.profile_key, s.* EXCLUDE (environment), p.department, COALESCE(p.site, s.seen_site) AS site,
         COALESCE(p.kind, w.attributed_by) AS attributed_by, p.kind IS NULL
           AND a.method >= $first_person_method AS is_person
  FROM profile_keys AS a
  JOIN environments AS s ON s.environment = a.environment
  JOIN methods AS w ON w.method = a.method
  LEFT JOIN org_units AS p ON p.org_unit = a.org_unit
),
kinds AS (
  SELECT profile_key, seen_site_id, scope = 'proxy' AS egress, COALESCE(client_class = 'program', false) AS program,
         attributed_by = 'nobody' AND scope = 'external' AS is_external, is_person, site, segment, client_class,
         attributed_by,
         CASE WHEN is_person THEN COALESCE(department, 'unattributed') ELSE 'unattributed' END AS department,
         CASE WHEN is_person THEN 'user' WHEN attributed_by = 'nobody' THEN 'address'
           ELSE attributed_by END AS subject_kind
  FROM found
)
SELECT *, CASE subject_kind WHEN 'user' THEN 0 WHEN 'device' THEN 1 ELSE 2 END AS subject_priority,
       DENSE_RANK() OVER (ORDER BY site, department, subject_kind, segment, client_class, attributed_by) AS profile
FROM kinds
