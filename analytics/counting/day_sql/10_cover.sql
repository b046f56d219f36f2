-- Adds the kept records of vantage rank $rank to those that cover records of lower ranks.
INSERT INTO cover
SELECT DISTINCT usage_key, host_id, flow, from_us, to_us
FROM records
ANTI JOIN dropped USING (event_id, usage_key)
WHERE vantage_day // 8 = $rank
