-- Each service by day. The days of a hidden week are hidden, and the hidden days of a shown week form a safe group, so
-- a week minus its days reveals nothing.
WITH sums AS (
  SELECT day, app,
         MAX(grade) AS grade,
         COUNT(DISTINCT CASE WHEN grade >= 3 THEN subject END) AS people,
         SUM(CASE WHEN grade >= 3 THEN bytes_up END) AS bytes_up,
         SUM(CASE WHEN grade >= 3 THEN bytes_up_max END) AS bytes_up_max,
         SUM(CASE WHEN grade >= 3 THEN bytes_down END) AS bytes_down,
         SUM(CASE WHEN grade >= 3 THEN connections ELSE 0 END) AS connections,
         SUM(CASE WHEN grade >= 3 THEN requests ELSE 0 END) AS requests,
         SUM(lookups) AS lookups
  FROM personal_hours
  GROUP BY day, app
),
headcounts AS (
  SELECT day, SUM(headcount) AS headcount FROM week_headcounts_daily
  WHERE EXISTS (SELECT 1 FROM shown_headcounts WHERE label = 'all')
  GROUP BY day
)
SELECT s.day, s.app, s.grade,
       CAST(CASE WHEN NOT c.people_hidden THEN s.people END AS BIGINT) AS people,
       c.people_hidden, CAST(h.headcount AS BIGINT) AS headcount,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up END AS BIGINT) AS bytes_up,
       CAST(CASE WHEN NOT c.sent_hidden THEN s.bytes_up_max END AS BIGINT) AS bytes_up_max,
       CAST(CASE WHEN NOT c.received_hidden THEN s.bytes_down END AS BIGINT) AS bytes_down,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.connections END AS BIGINT) AS connections,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.requests END AS BIGINT) AS requests,
       CAST(CASE WHEN NOT c.sums_hidden THEN s.lookups END AS BIGINT) AS lookups
FROM sums AS s
JOIN daily_cells AS c ON c.day = s.day AND c.app = s.app
LEFT JOIN headcounts AS h ON h.day = s.day
ORDER BY s.day, s.app
