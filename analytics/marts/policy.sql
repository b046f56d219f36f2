-- The published policy: one row for each combination of what a line names.
SELECT kind, line, precedence, app, vendor, category, access, risk_at_least, country, segment, department, site,
       scope, status, amount, hour_from, hour_to, countries, owner, reason, review, policy_version
FROM compiled_policy
ORDER BY precedence DESC, line, kind, app, vendor, category, access, risk_at_least, country, segment, department, site
