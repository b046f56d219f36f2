-- Who is behind what a sighting says of its client, and how long on a day.
--
-- In:  attributed, contexts, facet_numbers, bearers, places, bindings.  Out: named_whiles, a row per words and while.
-- A belief is the same as another wherever its site, client, account and device are the same: a sighting finds
-- its row by those and its time. Where the log names the account, or nothing is known
-- of the address, the while is the day. Else it is the binding, cut where that grows stale, or the time between two.
CREATE OR REPLACE TEMP VIEW named_whiles AS
WITH told AS (
  SELECT DISTINCT n.day, $first_us + (n.day - 1) * 86400000000 AS midnight_us, n.context, n.binding, n.stale, n.bearer,
         n.outside, n.confidence
  FROM facet_numbers AS n
  WHERE n.facet IN (SELECT facet FROM attributed WHERE in_day)
),
whiles AS (
  SELECT place, binding, false AS stale, from_us, LEAST(to_us, stale_from_us) AS to_us FROM bindings
  UNION ALL
  SELECT place, binding, true, GREATEST(from_us, stale_from_us), to_us FROM bindings
  UNION ALL
  SELECT place, 0, false, LAG(to_us, 1, 0) OVER (PARTITION BY place ORDER BY from_us), from_us FROM bindings
  UNION ALL
  SELECT place, 0, false, MAX(to_us), 9223372036854775807 FROM bindings GROUP BY place
),
said AS (
  SELECT t.day AS counted_day, t.midnight_us, c.seen_site, c.client, c.user_name AS logged_user, c.device, t.outside,
         GREATEST(COALESCE(w.from_us, 0), t.midnight_us) AS from_us,
         LEAST(COALESCE(w.to_us, 9223372036854775807), t.midnight_us + 86400000000) AS to_us,
         b.subject, CASE WHEN t.outside THEN 'outside' ELSE b.subject_kind END AS subject_kind, b.user_name,
         b.department, b.site AS home_site, b.attributed_by, t.confidence
  FROM told AS t
  JOIN bearers AS b ON b.bearer = t.bearer
  JOIN contexts AS c ON c.context = t.context
  LEFT JOIN places AS p ON p.site = c.seen_site AND p.address = c.client AND c.user_name IS NULL
  LEFT JOIN whiles AS w ON w.place = p.place AND w.binding = t.binding AND w.stale = t.stale
)
SELECT DISTINCT counted_day, CAST(make_timestamptz(midnight_us) AT TIME ZONE 'UTC' AS DATE) AS day, seen_site, client, logged_user, device, outside,
       make_timestamptz(from_us) AS from_at, make_timestamptz(to_us) AS until_at, subject, subject_kind, user_name,
       department, home_site, attributed_by, confidence
FROM said
WHERE from_us < to_us
