-- The vendor's head office lies outside the countries allowed. Where data is stored is not on the wire;
-- a vendor whose country no source states cannot be judged and is not counted.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'head office in ' || MIN(vendor_country) || ', allowed by line ' || MIN(line) || ': ' || MIN(countries) AS because,
       MIN(owner) AS owner, MIN(line) AS line
FROM judged
WHERE kind = 'residency' AND NOT excused AND vendor_country IS NOT NULL
  AND ',' || countries || ',' NOT LIKE '%,' || vendor_country || ',%'
GROUP BY app, scope, subject, day
