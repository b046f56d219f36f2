-- A person sent far more to a service in a week than ever before, and than others send to it.
--
-- Measured on a logarithmic scale, in kilobytes above the baseline of the service, in weeks with known bytes. Own
-- history: the median of at least four earlier weeks with use. Peers: the median and spread of all users of the service
-- over the same weeks. The spread of a person is the median absolute deviation (× 1.4826: a standard deviation for
-- normal values), but at least half that of the peers and at least 0.35. Both distances must exceed four spreads, and the
-- growth 250 kB, so that small amounts cause no alarm.
WITH weeks AS (
  SELECT *, LN(1 + bytes_over / 1000.0) AS size FROM subject_weeks WHERE bytes_over IS NOT NULL
),
own AS (
  SELECT subject, app, MEDIAN(size) AS middle, COUNT(*) AS weeks FROM weeks WHERE weeks_ago > 0 GROUP BY subject, app
),
deviations AS (
  SELECT w.subject, w.app, ABS(w.size - o.middle) AS deviation, w.size
  FROM weeks AS w
  JOIN own AS o ON o.subject = w.subject AND o.app = w.app
  WHERE w.weeks_ago > 0
),
own_spread AS (
  SELECT subject, app, 1.4826 * MEDIAN(deviation) AS spread FROM deviations GROUP BY subject, app
),
peer_middle AS (
  SELECT app, MEDIAN(size) AS middle, COUNT(DISTINCT subject) AS people FROM deviations GROUP BY app
),
peers AS (
  SELECT d.app, MAX(p.middle) AS middle, MAX(p.people) AS people,
         1.4826 * MEDIAN(ABS(d.size - p.middle)) AS spread, 1.4826 * MEDIAN(d.deviation) AS within
  FROM deviations AS d
  JOIN peer_middle AS p ON p.app = d.app
  GROUP BY d.app
),
compared AS (
  SELECT w.subject, w.app, w.bytes_up, w.bytes_up_max, w.sessions, w.bytes_over, w.size, o.middle AS own_middle, p.middle AS peer_middle,
         o.weeks, p.people, GREATEST(s.spread, p.within, 0.35) AS own_spread, GREATEST(p.spread, 0.35) AS peer_spread
  FROM weeks AS w
  JOIN own AS o ON o.subject = w.subject AND o.app = w.app
  JOIN own_spread AS s ON s.subject = w.subject AND s.app = w.app
  JOIN peers AS p ON p.app = w.app
  WHERE w.weeks_ago = 0 AND o.weeks >= 4 AND p.people >= $k
)
SELECT app, 'all' AS scope, subject, CAST(NULL AS DATE) AS day, bytes_up, bytes_up_max, sessions, bytes_over AS measure,
       ROUND(1000 * (EXP(own_middle) - 1)) AS expected,
       ROUND(1000 * (EXP(GREATEST(own_middle + 4 * own_spread, peer_middle + 4 * peer_spread)) - 1)) AS allowed,
       bytes_over || ' bytes above the baseline; own median of ' || weeks || ' weeks '
         || CAST(ROUND(1000 * (EXP(own_middle) - 1)) AS BIGINT) || ' (' || ROUND((size - own_middle) / own_spread, 1)
         || ' spreads), median of ' || people || ' users ' || CAST(ROUND(1000 * (EXP(peer_middle) - 1)) AS BIGINT)
         || ' (' || ROUND((size - peer_middle) / peer_spread, 1) || ' spreads)' AS because
FROM compared
WHERE size > own_middle + 4 * own_spread AND size > peer_middle + 4 * peer_spread
  AND bytes_over > 1000 * (EXP(own_middle) - 1) + 250000
