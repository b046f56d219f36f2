-- How many people the directory knows, whether or not they used anything: what `people` is a share of.
SELECT counted_day, day, department, headcount FROM headcounts ORDER BY counted_day, department
