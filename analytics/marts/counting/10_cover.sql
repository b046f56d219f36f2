-- What is kept of vantage rank $rank now covers what lower ranks saw.
INSERT INTO cover
SELECT DISTINCT service, host_nth, from_us, to_us
FROM records
ANTI JOIN dropped USING (event_id, service)
WHERE watch // 8 = $rank
