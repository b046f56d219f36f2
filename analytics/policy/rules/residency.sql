-- The head office of the vendor is outside the allowed countries. Traffic does not show where data is stored. Vendors
-- whose country no source states cannot be judged and are not counted.
SELECT app, scope, subject, day, SUM(bytes_up) AS bytes_up, SUM(bytes_up_max) AS bytes_up_max, SUM(sessions) AS sessions,
       'head office in ' || MIN(vendor_country) || ', allowed by line ' || MIN(line) || ': ' || MIN(countries) AS because,
       MIN(owner) AS owner, MIN(line) AS line
FROM judged
WHERE kind = 'residency' AND NOT excused AND vendor_country IS NOT NULL
  AND ',' || countries || ',' NOT LIKE '%,' || vendor_country || ',%'
GROUP BY app, scope, subject, day
