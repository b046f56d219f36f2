-- What is kept of vantage rank $rank now covers what lower ranks saw.
INSERT INTO cover
SELECT DISTINCT f.service, f.host_nth, r.from_us, r.to_us
FROM records AS r
JOIN facets AS f ON f.facet = r.facet
WHERE r.vantage_rank = $rank AND r.event_id NOT IN (SELECT event_id FROM dropped)
