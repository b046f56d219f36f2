"""Slices and labels joined into observations."""

from __future__ import annotations

import polars as pl

from sensor.decode.dissection.addresses import Networks
from sensor.decode.layout import SLICE, TCP, records
from sensor.decode.tables import observations
from sensor.decode.tables.labels import SCHEMA


def test_the_ech_configuration_of_the_hello_reaches_the_observation() -> None:
    slices = records(SLICE, 3)
    slices["serial"], slices["events"] = [1, 2, 3], [1, 1, 0]
    slices["protocol"], slices["client"], slices["port"] = TCP, 1, (40000, 443)
    labels = pl.DataFrame(
        {"serial": [1, 2], "ordinal": [1, 1], "time": [0, 0], "host": ["cover.example", "a.example"]},
    )
    missing = [
        pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in labels.columns
    ]
    labels = labels.with_columns(missing).with_columns(ech_config=pl.Series([7, None], dtype=pl.Int64))
    rows = observations.together([observations.connections(slices, labels, Networks(()))])
    observed = observations.observations(rows, Networks(())).select("host", "ech_config", "ech").rows()
    assert observed == [("cover.example", 7, None), ("a.example", None, None), (None, None, None)]
