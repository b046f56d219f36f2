-- How unequally people send: the cumulative share of the largest senders, in bands of at least k people.
--
-- Published in full or not at all: the bytes of the week must be publishable, nobody may dominate a band, and the
-- people whose bytes nobody measured (all people minus these) must be none or at least k. Shares are whole percents,
-- rounded down.
WITH sent AS (
  SELECT subject, SUM(bytes_up) AS bytes_up
  FROM uses
  WHERE grade >= 3
  GROUP BY subject
),
ranked AS (
  SELECT bytes_up, ROW_NUMBER() OVER (ORDER BY bytes_up DESC, subject) - 1 AS above, COUNT(*) OVER () AS people
  FROM sent
  WHERE bytes_up IS NOT NULL
),
bands AS (
  SELECT above * LEAST(10, people // $k) // people + 1 AS band, COUNT(*) AS people, SUM(bytes_up) AS bytes_up,
         MAX(bytes_up) <= $dominance * SUM(bytes_up) AS even
  FROM ranked
  WHERE people >= $k
  GROUP BY band
),
curve AS (
  SELECT band, SUM(people) OVER (ORDER BY band) AS people, SUM(bytes_up) OVER (ORDER BY band) AS bytes_up,
         SUM(bytes_up) OVER () AS bytes_of_all, MIN(CASE WHEN even THEN 1 ELSE 0 END) OVER () = 1 AS even
  FROM bands
)
SELECT CAST('$week' AS DATE) AS week, CAST(band AS SMALLINT) AS band, CAST(people AS BIGINT) AS people,
       CAST(100 * bytes_up // bytes_of_all AS SMALLINT) AS bytes_up_percent
FROM curve
WHERE even AND bytes_of_all > 0
  AND (SELECT COUNT(*) FROM sent WHERE bytes_up IS NULL) NOT BETWEEN 1 AND $k - 1
  AND EXISTS (SELECT 1 FROM weekly_cells WHERE label = 'all' AND app = 'all' AND NOT sent_hidden)
ORDER BY band
