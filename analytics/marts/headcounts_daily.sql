-- How many people the directory knows, whether or not they used anything: what `people` is a share of.
SELECT day, department, headcount FROM headcounts ORDER BY day, department
