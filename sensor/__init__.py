"""Traffic and logs in, tables out.

Sources yield frames of observations; naming and matching turn those that hit the catalog into
sightings; privacy tokenises them; the store appends Parquet. `scan.py` decides what is read,
`ingest.py` reads one input, `pipeline.py` is what happens to each of its batches; only
`sensor.cli` knows them all.
"""
