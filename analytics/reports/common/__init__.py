"""What several reports share; it knows none of them.

NAME.yml, NAME.sql   a figure; a report has it by `same: NAME` in its report.yml
sight.py             thresholds: when a service counts as used, and when too little was seen to say
"""
