r"""Technitium DNS Server: query log of its text files (option "Log All Queries").

    [2026-10-06 10:00:00 UTC] [10.1.2.3:50000] [UDP] QNAME: www.example.org; QTYPE: A; QCLASS: IN;
      RCODE: NoError; ANSWER: [192.0.2.7]

`Local` instead of `UTC` in older versions: the zone setting decides. Source: Technitium DNS Server,
LogManager.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import lookups

_LINE = (
    r"^\[(?P<time>[^\]]+?)(?: (?P<zone>UTC|Local))?\] "
    r"\[(?P<client>[0-9a-fA-F.]+|\[?[0-9a-fA-F:.]+\]?):(?P<port>\d+)\] \[(?P<over>\w+)\] "
    r"(?:\[[^\]]*\] )?QNAME: (?P<host>[^;]*); QTYPE: (?P<type>[^;]*); QCLASS: [^;]*"
    r"(?:; RCODE: (?P<rcode>[^;]*)(?:; ANSWER: \[?(?P<answer>[^\]]*)\]?)?)?"
)
_ADDRESS = r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]+"


class TechnitiumFamily(Family):
    """Reads Technitium DNS Server's query log."""

    name: ClassVar[str] = "technitium"
    help: ClassVar[str] = "Technitium DNS Server: query log in its text log files"
    vantage: ClassVar[str] = "dns"
    proof: ClassVar[Proof] = Proof(host=True, action=True)
    marks: ClassVar[tuple[str, ...]] = ("; qtype: ",)
    claims: ClassVar[pl.Expr] = pl.col("line").str.contains(
        r"^\[[^\]]+\] \[[^ ]+:\d+\] \[\w+\] .*QNAME: [^;]*; QTYPE: "
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        read = lines["line"].str.extract_groups(_LINE).struct.unnest()
        return read.select(
            "time",
            "client",
            zone=pl.when(pl.col("zone") == "UTC").then("zone"),
            client_port="port",
            kind=pl.lit("dns"),
            host="host",
            action=lookups.verdict(pl.col("rcode")),
            answers=pl.col("answer").str.extract_all(_ADDRESS),
            reason=lookups.reverse(pl.col("type")),
        )
