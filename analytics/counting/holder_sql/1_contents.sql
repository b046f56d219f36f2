-- The distinct contents of leases: many leases differ in address and time only.
--
-- In:  every_leases.  Out: raw_statements.
-- `content_hash` joins a lease with its content. `collides` is true if two contents share that hash, which a second
-- hash shows; holders.py then retries with another salt.
CREATE OR REPLACE TEMP TABLE raw_statements AS
WITH hashed AS (
  SELECT HASH($salt, user_name, device, mac, origin, confidence, shared) AS content_hash,
         HASH(shared, confidence, origin, mac, device, user_name, $salt) AS check_hash,
         {'user_name': user_name, 'device': device, 'mac': mac, 'origin': origin, 'confidence': confidence,
          'shared': shared} AS content
  FROM every_leases
),
each AS (
  SELECT content_hash, MIN(check_hash) <> MAX(check_hash) AS collides, ANY_VALUE(content) AS content FROM hashed
  GROUP BY content_hash
)
SELECT content_hash, collides, UNNEST(content) FROM each
