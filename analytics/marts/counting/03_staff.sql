-- Who is who: accounts with their department, and the owners of devices.
--
-- In:  directory (rows valid on the day), words (holding/).  Out: staff, owners, ways, names, word_numbers.
-- Made anew only for a day on which other rows of the directory hold than on the day before (days.py). Accounts of
-- one kind, department and site have one `post`. `names` are those that can be behind an event (05_numbers.sql adds what
-- only sightings name), `ways` the origins of words as values of attributed_by; those that begin the list belief.py
-- knows. `word_numbers` says in numbers what each word of a lease names, and who owns the device. 0 is nobody and nothing.
CREATE OR REPLACE TEMP TABLE staff AS
WITH ranked AS (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY user_name
    ORDER BY CASE WHEN department IS NULL THEN 1 ELSE 0 END,
             CASE WHEN device IS NULL AND mac IS NULL THEN 0 ELSE 1 END,
             valid_from DESC NULLS LAST, origin, department, site
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
SELECT *, DENSE_RANK() OVER (ORDER BY kind, department, site) AS post FROM merged;

-- A device that two people are said to own says nothing about either.
CREATE OR REPLACE TEMP TABLE owners AS
WITH owned AS (
  SELECT d.device, d.mac, d.user_name, COALESCE(d.confidence, 0.9) AS confidence
  FROM directory AS d
  JOIN staff AS s ON s.user_name = d.user_name
  WHERE s.kind IS NULL
)
SELECT 'device' AS by_what, device AS thing, MAX(user_name) AS user_name, MAX(confidence) AS confidence
FROM owned WHERE device IS NOT NULL
GROUP BY device HAVING MIN(user_name) = MAX(user_name)
UNION ALL
SELECT 'mac', mac, MAX(user_name), MAX(confidence)
FROM owned WHERE mac IS NOT NULL
GROUP BY mac HAVING MIN(user_name) = MAX(user_name);

CREATE OR REPLACE TEMP TABLE ways AS
SELECT CAST(way AS BIGINT) AS way, attributed_by FROM (VALUES $ways) AS w (way, attributed_by)
UNION ALL
SELECT $origins + ROW_NUMBER() OVER (ORDER BY origin), origin
FROM (SELECT DISTINCT origin FROM words WHERE origin IS NOT NULL) AS met;

CREATE OR REPLACE TEMP TABLE names AS
WITH met AS (
  SELECT user_name AS name FROM words UNION SELECT device_name FROM words UNION SELECT user_name FROM owners
)
SELECT m.name, ROW_NUMBER() OVER () AS name_nth, COALESCE(s.post, 0) AS post
FROM met AS m
LEFT JOIN staff AS s ON s.user_name = m.name
WHERE m.name IS NOT NULL;

CREATE OR REPLACE TEMP TABLE word_numbers AS
WITH owned AS (
  SELECT w.word, COALESCE(d.user_name, m.user_name) AS owner,
         w.confidence * CASE WHEN d.user_name IS NOT NULL THEN d.confidence ELSE m.confidence END AS owner_confidence
  FROM words AS w
  LEFT JOIN owners AS d ON d.by_what = 'device' AND d.thing = w.device_name
  LEFT JOIN owners AS m ON m.by_what = 'mac' AND m.thing = w.mac_name
)
SELECT w.word, COALESCE(w.kind, 0) AS kind, COALESCE(y.way, 0) AS way, COALESCE(u.name_nth, 0) AS account,
       COALESCE(w.mac, 0) AS mac, COALESCE(d.name_nth, 0) AS device,
       CAST(COALESCE(w.confidence, 0) AS DOUBLE) AS confidence, COALESCE(o.name_nth, 0) AS owner,
       CAST(COALESCE(v.owner_confidence, 0) AS DOUBLE) AS owner_confidence
FROM words AS w
JOIN owned AS v ON v.word = w.word
LEFT JOIN ways AS y ON y.attributed_by = w.origin AND y.way > $origins
LEFT JOIN names AS u ON u.name = w.user_name
LEFT JOIN names AS d ON d.name = w.device_name
LEFT JOIN names AS o ON o.name = v.owner
