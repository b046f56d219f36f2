-- What leases say, each once: most of them say what another one said.
--
-- In:  every_leases.  Out: phrases.
-- Leases are joined with what they say by its hash, `told`. That no two phrases have the same is made sure of by
-- another hash (`clashes`; holders.py).
CREATE OR REPLACE TEMP TABLE phrases AS
WITH every_phrase AS (
  SELECT HASH($salt, user_name, device, mac, origin, confidence, shared) AS told,
         HASH(shared, confidence, origin, mac, device, user_name, $salt) AS again,
         {'user_name': user_name, 'device': device, 'mac': mac, 'origin': origin, 'confidence': confidence,
          'shared': shared} AS phrase
  FROM every_leases
),
each AS (
  SELECT told, MIN(again) <> MAX(again) AS clashes, ANY_VALUE(phrase) AS phrase FROM every_phrase GROUP BY told
)
SELECT told, clashes, UNNEST(phrase) FROM each
