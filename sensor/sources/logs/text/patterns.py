"""Lines that a regular expression with named groups reads."""

from __future__ import annotations

import polars as pl


def read(lines: pl.Series, pattern: str) -> pl.DataFrame:
    """One String column per named group of `pattern`; all NULL where a line does not match."""
    return lines.str.extract_groups(pattern).struct.unnest()
