-- A statement of the policy is overdue for review. It is about the policy, so it involves no person.
SELECT COALESCE(app, vendor, category, country, 'line ' || line) AS app, 'policy: ' || scope AS scope,
       review AS day, 'line ' || MIN(line) || ' was to be reviewed by ' || review AS because,
       MIN(owner) AS owner, MIN(line) AS line, MIN(review) AS review
FROM policy
WHERE review < DATE '$horizon'
GROUP BY COALESCE(app, vendor, category, country, 'line ' || line), scope, review
