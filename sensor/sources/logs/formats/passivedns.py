"""PassiveDNS: an answer seen on the wire a line, parted by `||`.

    1791280800.123456||10.1.2.3||192.0.2.53||IN||www.example.org.||A||192.0.2.7||60||1

Written when it is new or has not been seen for a while (`count` says how often): lookups are counted too low.
Source: gamelinux/passivedns, README.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns

_LAYOUT = (
    r"^(?P<time>\d{9,11}\.\d+)\|\|(?P<client>[^|]+)\|\|(?P<server>[^|]+)\|\|(?P<class>[A-Z]+)\|\|"
    r"(?P<host>[^|]+)\|\|"
    r"(?P<type>[A-Z0-9]+)\|\|(?P<answer>[^|]*)\|\|(?P<ttl>\d+)\|\|\d+"
)


class PassivednsFormat(LogFormat):
    """Reads PassiveDNS's log."""

    name = "passivedns"
    help = "PassiveDNS (gamelinux): answers seen on the wire"
    vantage = "dns"
    proof = ("host",)
    advice = "PassiveDNS writes repeated answers only now and then: lookups are counted too low."
    marks = ("||",)
    claims = pl.col("line").str.contains(r"^\d{9,11}\.\d+\|\|[0-9a-fA-F.:]+\|\|[0-9a-fA-F.:]+\|\|[A-Z]+\|\|")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per answer."""
        read = patterns.read(lines["line"], _LAYOUT)
        address = pl.col("type").is_in(["A", "AAAA"]).fill_null(False)
        return read.select(
            "time",
            "client",
            "host",
            "server",
            kind=pl.lit("dns"),
            answers=pl.when(address).then(pl.concat_list("answer")),
            ttl_s="ttl",
            qtype=pl.col("type"),
        )
