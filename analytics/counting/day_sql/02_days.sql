-- The events of the days that are counted together, out of those read (01_events.sql).
--
-- In:  every_event, neighbour_rows, every_detail.  Out: events, details; bounds (time range of the events, by day).
-- A `day` is a number from $nth to $last_nth. Each day is counted independently: the day is part of every key that is
-- joined, grouped or sorted by.
CREATE OR REPLACE TEMP VIEW events AS
SELECT * EXCLUDE (has_details) FROM every_event WHERE day BETWEEN $nth AND $last_nth;

CREATE OR REPLACE TEMP VIEW bounds AS
SELECT d.i AS day, LEAST($first_us + (d.i - 1) * 86400000000, MIN(a.start_us)) AS from_us,
       GREATEST($first_us + d.i * 86400000000, MAX(a.start_us) + 1) AS to_us
FROM RANGE($nth, $last_nth + 1) AS d (i)
LEFT JOIN neighbour_rows AS a ON a.day = d.i
GROUP BY d.i;

CREATE OR REPLACE TEMP VIEW details AS
SELECT * FROM every_detail WHERE day BETWEEN $nth AND $last_nth
