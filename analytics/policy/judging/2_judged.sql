-- The decision of the policy on each piece of use: the first match of every kind, and whether it is excused.
--
-- In:  used, catalog, policy, exceptions, exception_people.  Out: matching (all lines), judged (the first).
-- Precedence: the more specific scope, then the more specific selector, then the earlier line. A service without a
-- status statement is `unreviewed`. What must never be used is never excused.
CREATE OR REPLACE TEMP TABLE situations AS
SELECT s.*, k.vendor, k.category, k.country, k.risk_low
FROM (SELECT DISTINCT app, access, department, site, segment FROM used) AS s
LEFT JOIN catalog AS k ON k.app = s.app;

CREATE OR REPLACE TEMP TABLE matching AS
SELECT s.app, s.access, s.department, s.site, s.segment, s.country AS vendor_country,
       p.kind, p.line, p.scope, p.status, p.amount, p.hour_from, p.hour_to, p.countries, p.owner, p.review,
       ROW_NUMBER() OVER (
         PARTITION BY s.app, s.access, s.department, s.site, s.segment, p.kind
         ORDER BY p.precedence DESC, p.line, p.app, p.vendor, p.category, p.access, p.risk_at_least,
                  p.country, p.segment, p.department, p.site
       ) AS nth
FROM situations AS s
JOIN policy AS p
  ON p.kind <> 'owner' AND (p.app IS NULL OR p.app = s.app) AND (p.vendor IS NULL OR p.vendor = s.vendor)
 AND (p.category IS NULL OR p.category = s.category) AND (p.access IS NULL OR p.access = s.access)
 AND (p.country IS NULL OR p.country = s.country)
 AND (p.risk_at_least IS NULL OR s.risk_low >= p.risk_at_least)
 AND (p.department IS NULL OR p.department = s.department) AND (p.site IS NULL OR p.site = s.site)
 AND (p.segment IS NULL OR p.segment = s.segment);

CREATE OR REPLACE TEMP TABLE verdicts AS
WITH first AS (SELECT * FROM matching WHERE nth = 1)
SELECT app, access, department, site, segment, vendor_country, kind, line, scope, status, amount, hour_from, hour_to,
       countries, owner, review
FROM first
UNION ALL
SELECT s.app, s.access, s.department, s.site, s.segment, s.country, 'status', NULL, 'all', 'unreviewed', NULL, NULL, NULL,
       NULL, NULL, NULL
FROM situations AS s
LEFT JOIN first AS f
  ON f.app = s.app AND f.access IS NOT DISTINCT FROM s.access AND f.department IS NOT DISTINCT FROM s.department
 AND f.site IS NOT DISTINCT FROM s.site AND f.segment IS NOT DISTINCT FROM s.segment AND f.kind = 'status'
WHERE f.app IS NULL;

-- Of several exceptions that cover a piece of use, the one that holds longest.
CREATE OR REPLACE TEMP TABLE excused AS
WITH covering AS (
  SELECT u.nr, e.exception, e.owner, e.expires, e.expires >= u.day AS holds,
         ROW_NUMBER() OVER (PARTITION BY u.nr ORDER BY e.expires DESC, e.exception) AS nth
  FROM used AS u
  LEFT JOIN catalog AS k ON k.app = u.app
  JOIN exceptions AS e
    ON (e.app IS NULL OR e.app = u.app) AND (e.vendor IS NULL OR e.vendor = k.vendor)
   AND (e.category IS NULL OR e.category = k.category) AND (e.access IS NULL OR e.access = u.access)
   AND (e.country IS NULL OR e.country = k.country) AND (e.risk_at_least IS NULL OR k.risk_low >= e.risk_at_least)
   AND (e.department IS NULL OR e.department = u.department) AND (e.site IS NULL OR e.site = u.site)
   AND (e.segment IS NULL OR e.segment = u.segment)
  WHERE NOT e.for_people
     OR EXISTS (
       SELECT 1 FROM exception_people AS p
       WHERE p.exception = e.exception AND (p.subject = u.subject OR p.subject = u.user_name)
     )
)
SELECT nr, holds AS excused, CASE WHEN holds THEN exception END AS excused_by,
       CASE WHEN NOT holds THEN exception END AS lapsed, owner AS lapsed_owner, expires AS lapsed_on
FROM covering
WHERE nth = 1;

CREATE OR REPLACE TEMP TABLE judged AS
SELECT u.*, v.vendor_country, v.kind, v.line, v.scope, v.status, v.amount, v.hour_from, v.hour_to, v.countries,
       v.owner, v.review,
       v.kind <> 'never' AND COALESCE(x.excused, FALSE) AS excused, x.excused_by,
       x.lapsed, x.lapsed_owner, x.lapsed_on
FROM used AS u
JOIN verdicts AS v
  ON v.app = u.app AND v.access IS NOT DISTINCT FROM u.access AND v.department IS NOT DISTINCT FROM u.department
 AND v.site IS NOT DISTINCT FROM u.site AND v.segment IS NOT DISTINCT FROM u.segment
LEFT JOIN excused AS x ON x.nr = u.nr
