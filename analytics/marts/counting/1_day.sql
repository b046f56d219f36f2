-- What was read of some days (1_events.sql), for one of them.
--
-- In:  every_event, around, every_detail.  Out: events, bounds (the time they begin in), details.
CREATE OR REPLACE TEMP VIEW events AS SELECT * EXCLUDE (day, has_details) FROM every_event WHERE day = $nth;

CREATE OR REPLACE TEMP VIEW bounds AS
SELECT LEAST($day_start, MIN(start_us)) AS from_us, GREATEST($day_end, MAX(start_us) + 1) AS to_us
FROM around
WHERE day = $nth;

CREATE OR REPLACE TEMP VIEW details AS
SELECT * FROM every_detail WHERE start_us >= $day_start AND start_us < $day_end
