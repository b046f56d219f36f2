-- Rounded down, because the people of a period minus those of one of its weeks would be the people who were only there
-- in another week, possibly a single one.
SELECT period, first_day, last_day, app,
       CAST(CASE WHEN people >= $k THEN people - people % $k END AS BIGINT) AS people_at_least,
       CASE WHEN people >= $k THEN weeks_counted END AS weeks_counted
FROM counted_people
ORDER BY period, first_day, app
