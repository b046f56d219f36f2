SELECT exception, line, app, vendor, category, access, risk_at_least, country, segment, department, site,
       scope, for_people, owner, reason, expires, policy_version
FROM stored.exceptions
ORDER BY exception, app, vendor, category, access, risk_at_least, country, segment, department, site
