SELECT kind, line, precedence, app, vendor, category, access, risk_at_least, country, segment, department,
       site, scope, status, amount, hour_from, hour_to, countries, owner, reason, review, policy_version
FROM stored.policy
ORDER BY precedence DESC, line, kind, app, vendor, category, access, risk_at_least, country, segment,
         department, site
