"""Traffic and logs in, tables out.

Sources yield frames of observations; naming and matching turn those that hit the catalog into
sightings; privacy tokenises them; the store appends Parquet. `scan.py` decides what is read of
files, `capture.py` and `streams.py` read what never ends, `ingest.py` reads one input, and
`pipeline.py` is what happens to each of its batches. What they share (settings, lake, keys,
catalog) is `installation.py`; only `sensor.cli` knows them all.
"""
