"""EfficientIP DNS Guardian list matches; queries and answers of SOLIDserver are BIND's, see `bind.py`.

    List Matched 192.0.2.226#32622: query: name IN A (192.0.2.209) {list} [categories]

Whether a match was refused depends on the list's policy, which the line does not tell.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns

_MATCH = (
    r"^(?:.*\s)?List Matched (?P<client>[0-9a-fA-F.:]+)#(?P<port>\d+)(?: \([^)]*\))?: query: (?P<name>\S+) "
    r"\S+ (?P<type>\S+)"
)


class EfficientipFormat(LogFormat):
    """Reads DNS Guardian's list matches."""

    name = "efficientip"
    help = "EfficientIP DNS Guardian list matches (query log: bind)"
    vantage = "dns"
    proof = ("host",)
    marks = ("list matched ",)
    claims = pl.col("line").str.contains(r"(?:^|\s)List Matched [0-9a-fA-F.:]+#\d+")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per match."""
        read = patterns.read(lines["line"], _MATCH)
        return read.select(
            "client",
            kind=pl.lit("dns"),
            client_port="port",
            host="name",
            action=pl.lit("unknown"),
            qtype=pl.col("type"),
        )
