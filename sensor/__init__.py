"""Traffic and logs in, tables out.

Sources yield frames of observations; naming and matching turn those that hit the catalog into
sightings; privacy tokenises them; the store appends Parquet. `ingest` drives all that, for files, live
interfaces and logs that never end; only `sensor.cli` knows every part.
"""
