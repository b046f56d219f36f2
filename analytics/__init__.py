"""Tables in, reports and pages out.

Reads only the lake that the sensor wrote (never imports `sensor`): a sensor can run on a small
box that only writes Parquet, a report on a laptop a year later.
"""
