"""Traffic and logs in, tables out.

Sources yield frames of observations; naming and matching turn those that hit the catalog into
sightings; privacy tokenises them; the store appends Parquet. The rooms meet in `pipeline.py`,
and only `sensor.cli` knows them all.
"""
