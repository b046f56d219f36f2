"""Clash, Clash.Meta and mihomo: connections by their rule.

    time="2026-10-06T10:00:00.123456789Z" level=info msg="[TCP] 10.1.2.3:50000(curl) --> chat.example.com:443
      match DomainSuffix(example.com) using Proxy[node1]"
    … level=warning msg="[TCP] dial Proxy (match Match/) 10.1.2.3:50000 --> chat.example.com:443 error: …"

`using REJECT` refuses. Neither bytes nor accounts. Source: mihomo, `tunnel/tunnel.go`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import LOOPBACK
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"\[(?<transport>TCP|UDP)\] (?:dial .*? )?\[?(?<client>[0-9a-fA-F.:]+?)\]?:(?<client_port>\d+)"
    r"(?:\([^)]*\))? --> (?<target>\S+:\d+) ?(?:(?<failed>error: )|.*?(?: using|\bwith) (?<chain>[^\"]+))?"
)
_CLAIM = r'^(?:time="(?<time>[^"]+)" level=\w+ msg="|.*\blevel=\w+ .*msg=")?' + _LINE


class ClashFormat(LogFormat):
    """Reads connections of Clash."""

    name = "clash"
    help = "Clash, Clash.Meta, mihomo: log of level info"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "action")
    advice = "It counts no bytes, and names no accounts: add flow logs of the same host."
    marks = (" --> ",)
    claims = pl.col("line").str.contains(_CLAIM)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection (kind proxy)."""
        read = patterns.read(lines["line"], _CLAIM)
        return read.select(
            *("time", "client", "client_port"),
            kind=pl.lit("proxy"),
            url="target",
            transport=pl.col("transport").str.to_lowercase(),
            action=one_of(
                {"blocked": pl.col("chain").str.contains("^REJECT"), "reset": pl.col("failed").is_not_null()},
                otherwise="allowed",
            ),
            reason=one_of({LOOPBACK: pl.col("client").str.contains(r"^127\.|^::1$")}),
        )
