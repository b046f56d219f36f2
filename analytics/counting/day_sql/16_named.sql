-- The subject of each client and time span, as the counts attribute it.
--
-- In:  attributed, contexts, facet_codes, subject_profiles, held_addresses, bindings.
-- Out: named_spans, one row per client, account, device and span.
-- The attribution is the same for all sightings with the same site, client, account and device in one span. The span is
-- the day if the log names the account or nothing is known of the address. Else it is the binding, split where that
-- becomes stale, or the gap between two bindings.
CREATE OR REPLACE TEMP VIEW named_spans AS
WITH facet_spans AS (
  SELECT DISTINCT n.day, $first_us + (n.day - 1) * 86400000000 AS midnight_us, n.context, n.binding, n.stale,
                  n.subject_profile,
         n.outside, n.confidence
  FROM facet_codes AS n
  WHERE n.facet IN (SELECT facet FROM attributed WHERE in_day)
),
binding_spans AS (
  SELECT address_id, binding, false AS stale, from_us, LEAST(to_us, stale_from_us) AS to_us FROM bindings
  UNION ALL
  SELECT address_id, binding, true, GREATEST(from_us, stale_from_us), to_us FROM bindings
  UNION ALL
  SELECT address_id, 0, false, LAG(to_us, 1, 0) OVER (PARTITION BY address_id ORDER BY from_us), from_us FROM bindings
  UNION ALL
  SELECT address_id, 0, false, MAX(to_us), 9223372036854775807 FROM bindings GROUP BY address_id
),
client_spans AS (
  SELECT t.day AS counted_day, t.midnight_us, c.seen_site, c.client, c.user_name AS logged_user, c.device, t.outside,
         GREATEST(COALESCE(w.from_us, 0), t.midnight_us) AS from_us,
         LEAST(COALESCE(w.to_us, 9223372036854775807), t.midnight_us + 86400000000) AS to_us,
         b.subject, CASE WHEN t.outside THEN 'outside' ELSE b.subject_kind END AS subject_kind, b.user_name,
         b.department, b.site AS home_site, b.attributed_by, t.confidence
  FROM facet_spans AS t
  JOIN subject_profiles AS b ON b.subject_profile = t.subject_profile
  JOIN contexts AS c ON c.context = t.context
  LEFT JOIN held_addresses AS p ON p.site = c.seen_site AND p.address = c.client AND c.user_name IS NULL
  LEFT JOIN binding_spans AS w ON w.address_id = p.address_id AND w.binding = t.binding AND w.stale = t.stale
)
SELECT DISTINCT counted_day, CAST(make_timestamptz(midnight_us) AT TIME ZONE 'UTC' AS DATE) AS day, seen_site, client,
                logged_user, device, outside,
       make_timestamptz(from_us) AS from_at, make_timestamptz(to_us) AS until_at, subject, subject_kind, user_name,
       department, home_site, attributed_by, confidence
FROM client_spans
WHERE from_us < to_us
