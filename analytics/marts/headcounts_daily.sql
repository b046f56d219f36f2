-- How many people the directory knows, whether or not they used anything: the denominator of `people`.
SELECT counted_day, day, department, headcount FROM headcounts ORDER BY counted_day, department
