"""Reports: a folder each, with report.yml (the questions), the SQL of every figure, maybe page.html.j2.

spec, run, result   read a report's folder, run its figures, hold their rows
periods             days, weeks, months and quarters
sheet               the default page; weekly/ has a page of its own
common/             what several reports share: figures, and what counts as use or as too little seen
"""
