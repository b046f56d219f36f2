"""What several reports share; it knows none of them.

NAME.yml, NAME.sql   a figure; a report has it by `same: NAME` in its report.yml
sight.py             from where on a service is in use, and too little was seen to tell
"""
