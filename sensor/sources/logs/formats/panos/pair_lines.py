"""`name=value` with commas or bars between, by log forwarding templates of monitoring services."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.columns import OWN_NAMES
from sensor.sources.logs.text import keyvalue, layouts
from sensor.sources.logs.text.words import said

CLAIM = r"\bserial=[^,|]*(?:, |\|)type=(?:TRAFFIC|THREAT|DECRYPTION)\b"
_HAS_BARS = r"\bserial=[^,|]*\|type="


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of pairs, as far as they have them."""
    return layouts.read(
        lines,
        [
            (_HAS_BARS, lambda part: _known(keyvalue.read(part["line"], OWN_NAMES, separator="|"))),
            # Values have blanks in them.
            (pl.lit(True), lambda part: _known(keyvalue.read(part["line"], OWN_NAMES, spaced=True))),
        ],
    )


def _known(read: pl.DataFrame) -> pl.DataFrame:
    return read.select(said(name) for name in read.columns)
