-- What was read of some days (01_events.sql), for those that are counted together.
--
-- In:  every_event, around, every_detail.  Out: events, details; bounds (by day, the time its events begin in).
-- A `day` is a number from $nth to $last_nth. Each is counted as if it stood alone: what is joined, grouped or put in
-- order has the day in it, by itself or in a number that it is part of.
CREATE OR REPLACE TEMP VIEW events AS
SELECT * EXCLUDE (has_details) FROM every_event WHERE day BETWEEN $nth AND $last_nth;

CREATE OR REPLACE TEMP VIEW bounds AS
SELECT d.i AS day, LEAST($first_us + (d.i - 1) * 86400000000, MIN(a.start_us)) AS from_us,
       GREATEST($first_us + d.i * 86400000000, MAX(a.start_us) + 1) AS to_us
FROM RANGE($nth, $last_nth + 1) AS d (i)
LEFT JOIN around AS a ON a.day = d.i
GROUP BY d.i;

CREATE OR REPLACE TEMP VIEW details AS
SELECT * FROM every_detail WHERE day BETWEEN $nth AND $last_nth
