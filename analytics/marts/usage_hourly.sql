-- What each subject used in each hour; what two vantages saw is counted once.
-- No network sends 2^56 bytes a day. Where forged logs say so, no row of the day has more than its share of that, so
-- that sums over weeks fit into 64 bits.
WITH sums AS (
  SELECT c.hour, f.cell, c.grade, MIN(f.usage_key) AS usage_key, MIN(f.confidence) AS confidence,
         SUM(CASE WHEN c.kept THEN c.bytes_up END) AS bytes_up,
         SUM(c.bytes_up) AS bytes_up_max,
         SUM(CASE WHEN c.kept THEN c.bytes_down END) AS bytes_down,
         SUM(CASE WHEN c.kept THEN c.connections ELSE 0 END) AS connections,
         SUM(CASE WHEN c.kept THEN c.requests ELSE 0 END) AS requests,
         SUM(CASE WHEN c.kept THEN c.lookups ELSE 0 END) AS lookups
  FROM counted AS c
  JOIN facet_codes AS f ON f.facet = c.facet
  WHERE f.outcome = 'use'
  GROUP BY c.hour, f.cell, c.grade
),
shares AS (
  SELECT *, cell // 33554432 % 8 AS counted_day, 72057594037927936 AS most,
         most // COUNT(*) OVER (PARTITION BY cell // 33554432 % 8) AS share
  FROM sums
),
possible AS (
  SELECT * EXCLUDE (bytes_up, bytes_up_max, bytes_down, most, share),
         CASE WHEN SUM(bytes_up) OVER day > most AND bytes_up > share THEN share ELSE bytes_up END AS bytes_up,
         CASE WHEN SUM(bytes_up_max) OVER day > most AND bytes_up_max > share THEN share ELSE bytes_up_max END
           AS bytes_up_max,
         CASE WHEN SUM(bytes_down) OVER day > most AND bytes_down > share THEN share ELSE bytes_down END AS bytes_down
  FROM shares
  WINDOW day AS (PARTITION BY counted_day)
),
seen AS MATERIALIZED (  -- joined before the names, while rows are narrow
  SELECT s.*, e.corroborations
  FROM possible AS s
  JOIN corroborated AS e ON e.hour = s.hour AND e.usage_key = s.usage_key
),
app_accesses AS (SELECT DISTINCT a.app_access, t.app, t.access FROM target_codes AS a
  JOIN targets AS t ON t.target = a.target)
SELECT s.counted_day, s.hour, b.subject, CASE WHEN s.cell % 2 = 1 THEN 'outside'
       ELSE b.subject_kind END AS subject_kind, b.user_name,
       b.department, b.site, b.segment, o.app, o.access, b.client_class,
       CAST(s.grade AS SMALLINT) AS grade,
       CAST(s.bytes_up AS BIGINT) AS bytes_up, CAST(s.bytes_up_max AS BIGINT) AS bytes_up_max,
       CAST(s.bytes_down AS BIGINT) AS bytes_down, CAST(s.connections AS BIGINT) AS connections,
       CAST(s.requests AS BIGINT) AS requests, CAST(s.lookups AS BIGINT) AS lookups,
       s.corroborations, b.attributed_by, s.confidence
FROM seen AS s
JOIN subject_profiles AS b ON b.subject_profile = s.cell // 268435456
JOIN app_accesses AS o ON o.app_access = s.cell % 33554432 // 2
ORDER BY s.counted_day, s.hour, s.cell, s.grade
