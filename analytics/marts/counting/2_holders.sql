-- Who held an address when, in intervals that do not overlap.
--
-- In:  leases (those that touch the three days).  Out: holders.
-- Where leases overlap, one that names a person wins, then the one that began last (a VPN lease
-- inside a DHCP lease). An address that is shared for a while names nobody in that while.
CREATE OR REPLACE TEMP TABLE holders AS
WITH edges AS (
  SELECT site, address, valid_from AS held_from FROM leases WHERE valid_from IS NOT NULL
  UNION
  SELECT site, address, valid_to AS held_from FROM leases WHERE valid_to IS NOT NULL
),
spans AS (
  SELECT site, address, held_from,
         LEAD(held_from) OVER (PARTITION BY site, address ORDER BY held_from) AS held_to
  FROM edges
),
claims AS (
  SELECT s.site, s.address, s.held_from, s.held_to, l.user_name, l.device,
         MAX(CASE WHEN l.shared THEN 1 ELSE 0 END)
           OVER (PARTITION BY s.site, s.address, s.held_from) AS shared,
         ROW_NUMBER() OVER (
           PARTITION BY s.site, s.address, s.held_from
           ORDER BY CASE WHEN l.user_name IS NULL THEN 1 ELSE 0 END, l.valid_from DESC,
                    l.confidence DESC NULLS LAST, l.origin, l.user_name, l.device
         ) AS nth
  FROM spans AS s
  JOIN leases AS l
    ON l.site = s.site AND l.address = s.address
   AND l.valid_from <= s.held_from AND (l.valid_to IS NULL OR l.valid_to > s.held_from)
)
SELECT site, address, epoch_us(held_from) AS held_from_us, epoch_us(held_to) AS held_to_us, user_name, device
FROM claims
WHERE nth = 1 AND shared = 0
