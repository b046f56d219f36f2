-- What is kept of vantage rank $rank now covers what lower ranks saw.
INSERT INTO cover
SELECT DISTINCT service, host_nth, from_us, to_us
FROM records
WHERE vantage_rank = $rank AND event_id NOT IN (SELECT event_id FROM dropped)
