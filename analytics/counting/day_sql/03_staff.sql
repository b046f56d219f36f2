-- The directory as of a day: accounts with their department, and the owners of devices.
--
-- In:  directory (rows valid on the day), statements (holder_sql/).
-- Out: staff, owners, methods, names, statement_codes.
-- Rebuilt only if the valid rows of the directory differ from the day before (days.py). A day has one department: a row
-- that begins after its noon counts from the next day on. So who changes at midnight of a zone east of UTC does not have
-- the new department on the day before. `org_unit` is the id of a kind,
-- department and site. `names` has every name an event can be attributed to (05_codes.sql adds those that only
-- sightings have). `methods` has the values of attributed_by: first the fixed list of attribution.py, then the origins
-- of leases. `statement_codes` has the codes of what each lease names, and of the owner of the device. 0 stands for
-- NULL.
CREATE OR REPLACE TEMP TABLE staff AS
WITH ranked AS (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY user_name
    ORDER BY CASE WHEN department IS NULL THEN 1 ELSE 0 END,
             CASE WHEN device IS NULL AND mac IS NULL THEN 0 ELSE 1 END,
             origin, CASE WHEN valid_from >= $noon THEN 1 ELSE 0 END,
             valid_from DESC NULLS LAST, department, site
  ) AS nth
  FROM directory
),
merged AS (
  SELECT user_name,
         MAX(CASE WHEN nth = 1 THEN department END) AS department,
         MAX(CASE WHEN nth = 1 THEN site END) AS site,
         MAX(CASE WHEN kind IN ('machine', 'service') THEN kind END) AS kind,
         MIN(valid_from) AS valid_from
  FROM ranked
  GROUP BY user_name
)
SELECT *, DENSE_RANK() OVER (ORDER BY kind, department, site) AS org_unit FROM merged;

-- A device with two owners in the directory identifies neither.
CREATE OR REPLACE TEMP TABLE owners AS
WITH owned AS (
  SELECT d.device, d.mac, d.user_name, COALESCE(d.confidence, 0.9) AS confidence
  FROM directory AS d
  JOIN staff AS s ON s.user_name = d.user_name
  WHERE s.kind IS NULL
)
SELECT 'device' AS key_kind, device AS device_key, MAX(user_name) AS user_name, MAX(confidence) AS confidence
FROM owned WHERE device IS NOT NULL
GROUP BY device HAVING MIN(user_name) = MAX(user_name)
UNION ALL
SELECT 'mac', mac, MAX(user_name), MAX(confidence)
FROM owned WHERE mac IS NOT NULL
GROUP BY mac HAVING MIN(user_name) = MAX(user_name);

CREATE OR REPLACE TEMP TABLE methods AS
SELECT CAST(method AS BIGINT) AS method, attributed_by FROM (VALUES $methods) AS w (method, attributed_by)
UNION ALL
SELECT $origins + ROW_NUMBER() OVER (ORDER BY origin), origin
FROM (SELECT DISTINCT origin FROM statements WHERE origin IS NOT NULL) AS found;

CREATE OR REPLACE TEMP TABLE names AS
WITH found AS (
  SELECT user_name AS name FROM statements UNION SELECT device_name FROM statements
  UNION SELECT mac_name FROM statements UNION SELECT user_name FROM owners
)
SELECT m.name, ROW_NUMBER() OVER () AS name_id, COALESCE(s.org_unit, 0) AS org_unit
FROM found AS m
LEFT JOIN staff AS s ON s.user_name = m.name
WHERE m.name IS NOT NULL;

CREATE OR REPLACE TEMP TABLE statement_codes AS
WITH owned AS (
  SELECT w.statement, COALESCE(d.user_name, m.user_name) AS owner,
         w.confidence * CASE WHEN d.user_name IS NOT NULL THEN d.confidence ELSE m.confidence END AS owner_confidence
  FROM statements AS w
  LEFT JOIN owners AS d ON d.key_kind = 'device' AND d.device_key = w.device_name
  LEFT JOIN owners AS m ON m.key_kind = 'mac' AND m.device_key = w.mac_name
)
SELECT w.statement, COALESCE(w.kind, 0) AS kind, COALESCE(y.method, 0) AS method, COALESCE(u.name_id, 0) AS account,
       COALESCE(w.mac, 0) AS mac, COALESCE(h.name_id, 0) AS hardware, COALESCE(d.name_id, 0) AS device,
       CAST(COALESCE(w.confidence, 0) AS DOUBLE) AS confidence, COALESCE(o.name_id, 0) AS owner,
       CAST(COALESCE(v.owner_confidence, 0) AS DOUBLE) AS owner_confidence
FROM statements AS w
JOIN owned AS v ON v.statement = w.statement
LEFT JOIN methods AS y ON y.attributed_by = w.origin AND y.method > $origins
LEFT JOIN names AS u ON u.name = w.user_name
LEFT JOIN names AS d ON d.name = w.device_name
LEFT JOIN names AS h ON h.name = w.mac_name
LEFT JOIN names AS o ON o.name = v.owner
