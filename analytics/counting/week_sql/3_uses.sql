-- The sums of the week, which most cubes are made from, because they are far fewer rows than its hours.
--
-- In:  personal_hours, homes, labels and pooled (ksafe.py).
-- Out: labelled (`label`: the department in totals), uses (`label_of_app`: the same, or `other` if the department is in
--      the pool of the service).
CREATE OR REPLACE TEMP TABLE labelled AS
SELECT h.subject, h.department, l.label FROM homes AS h JOIN labels AS l ON l.department = h.department;

CREATE OR REPLACE TEMP TABLE uses AS
WITH sums AS (
  SELECT subject, subject_kind, site, app, access, grade,
         CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max,
         CAST(SUM(bytes_down) AS BIGINT) AS bytes_down, CAST(SUM(connections) AS BIGINT) AS connections,
         CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(lookups) AS BIGINT) AS lookups,
         MAX(corroborations) AS corroborations
  FROM personal_hours
  GROUP BY subject, subject_kind, site, app, access, grade
)
SELECT u.*, h.department, h.label, CASE WHEN p.app IS NULL THEN h.label ELSE '$other' END AS label_of_app
FROM sums AS u
JOIN labelled AS h ON h.subject = u.subject
LEFT JOIN pooled AS p ON p.label = h.label AND p.app = u.app
