-- Facets with names in place of codes.
--
-- In:  facet_codes, subject_profile_codes (facets.py), subjects, profiles (07_subjects.sql), contexts, targets.
-- Out: subject_profiles, facets (views, because few rows are ever needed by name).
CREATE OR REPLACE TEMP VIEW subject_profiles AS
WITH distinct_profiles AS (SELECT DISTINCT profile, site, department, subject_kind, segment, client_class,
  attributed_by FROM profiles)
SELECT b.subject_profile, s.subject, t.* EXCLUDE (profile), CASE WHEN t.subject_kind = 'user'
       THEN s.subject END AS user_name
FROM subject_profile_codes AS b
JOIN subjects AS s ON s.subject_id = b.subject_id
JOIN distinct_profiles AS t ON t.profile = b.profile;

CREATE OR REPLACE TEMP VIEW facets AS
SELECT n.facet, n.day AS counted_day, n.usage_key, n.outcome, n.subject_kind, n.confidence, b.subject, b.user_name,
       b.attributed_by, b.department, b.site, c.seen_site, t.app, t.access
FROM facet_codes AS n
JOIN contexts AS c ON c.context = n.context
JOIN subject_profiles AS b ON b.subject_profile = n.subject_profile
JOIN targets AS t ON t.target = n.target
