-- Facets in words.
--
-- In:  facet_numbers, bearer_numbers (facets.py), subjects, profiles (07_subjects.sql), contexts, targets.
-- Out: bearers, facets (views: few of them are read in words).
CREATE OR REPLACE TEMP VIEW bearers AS
WITH told AS (SELECT DISTINCT profile, site, department, subject_kind, segment, client_class, attributed_by FROM profiles)
SELECT b.bearer, s.subject, t.* EXCLUDE (profile), CASE WHEN t.subject_kind = 'user' THEN s.subject END AS user_name
FROM bearer_numbers AS b
JOIN subjects AS s ON s.subject_nth = b.subject_nth
JOIN told AS t ON t.profile = b.profile;

CREATE OR REPLACE TEMP VIEW facets AS
SELECT n.facet, n.day AS counted_day, n.service, n.outcome, n.subject_kind, n.confidence, b.subject, b.user_name,
       b.attributed_by, b.department, b.site, c.seen_site, t.app, t.access
FROM facet_numbers AS n
JOIN contexts AS c ON c.context = n.context
JOIN bearers AS b ON b.bearer = n.bearer
JOIN targets AS t ON t.target = n.target
