SELECT token, erased_at
FROM stored.erasures
ORDER BY token
