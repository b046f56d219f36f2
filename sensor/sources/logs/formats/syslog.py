"""Syslog of any content: what `shadowai listen` receives before each line is given to its format.

It claims nothing itself; lines no format claims are counted and rejected under its name.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat


class SyslogFormat(LogFormat):
    """A stream of lines of any kind."""

    name = "syslog"
    help = "syslog received by `shadowai listen`: each line is read as its own kind"
    vantage = "mixed"
    proof = ()
    generic = True
    claims = pl.lit(False) & pl.col("line").is_not_null()

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Nothing is claimed, so there is nothing to read."""
        return lines.with_columns(kind=pl.lit(None, dtype=pl.String)).select("kind")
