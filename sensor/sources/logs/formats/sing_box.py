"""sing-box: its log, where a connection is told in several lines with one number.

    +0000 2026-10-06 10:00:00 INFO [293942 0ms] inbound/socks[in]: inbound connection from 10.1.2.3:50000
    +0000 2026-10-06 10:00:00 INFO [293942 1ms] inbound/socks[in]: [ada] inbound connection to example.com:443
    +0000 2026-10-06 10:00:00 INFO [293942 1ms] outbound/block[x]: outbound connection to example.com:443

A `packet connection` is UDP. Where the lines of a connection lie in different blocks, its client is
unknown. The account is the inbound's user. An outbound of type `block` refuses. No volumes. Lookups and
what the router finds out are debugging output: set aside. Source: sing-box, `log/format.go`, `protocol/`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import NO_DESTINATION
from sensor.sources.logs.text.words import one_of

_BEGIN = (
    r"^(?:(?<zone>[+-]\d{4}) (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) )?"
    r"(?:TRACE|DEBUG|INFO|WARN|ERROR)(?:\[\d+\])? \[(?<number>\d+) [\d.]+m?s\] "
    r"(?:in|out)bound/(?<type>[\w-]+)\[[^\]]*\]: "
)
_LINE = _BEGIN + (
    r"(?:\[(?<user>[^\]]+)\] )?(?<way>in|out)bound (?<packet>packet )?connection "
    r"(?:from \[?(?<client>[0-9a-fA-F.:]+?)\]?:(?<client_port>\d+)$|to (?<target>\S+:\d+)$)"
)


class SingBoxFormat(LogFormat):
    """Reads connections of sing-box."""

    name = "sing-box"
    help = "sing-box 1: log of level info (SOCKS, HTTP, TUN and other inbounds)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "user", "action")
    advice = (
        "It counts no bytes, and TUN inbounds name addresses only: add DNS and flow logs of the same host."
    )
    marks = ("inbound/", "outbound/")
    claims = pl.col("line").str.contains(_BEGIN)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line; that of the destination asked for is the connection (kind proxy)."""
        read = patterns.read(lines["line"], _LINE)
        refused = (pl.col("type") == "block") & (pl.col("way") == "out")
        # Numbers are drawn at random: one is of one connection in a block.
        ends = pl.col("client", "client_port").forward_fill()
        read = read.with_columns(ends.over("number"), refused=refused.any().over("number"))
        asked = (pl.col("way") == "in") & pl.col("target").is_not_null()
        return read.select(
            *("time", "zone", "client", "client_port"),
            kind=pl.lit("proxy"),
            user_name="user",
            url="target",
            transport=one_of({"udp": pl.col("packet").is_not_null()}, otherwise="tcp"),
            action=one_of({"blocked": pl.col("refused")}, otherwise="allowed"),
            reason=one_of({NO_DESTINATION: ~asked.fill_null(False)}),
        )
