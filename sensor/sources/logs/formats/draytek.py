r"""DrayTek Vigor routers: syslog of user access, firewall off.

    Local User (MAC=00-00-5E-00-53-01): 10.1.2.3:50000 -> 192.0.2.7:443 (TCP) Web
    Local User (MAC=00-00-5E-00-53-01): 10.1.2.3 DNS -> 192.0.2.53 inquire www.example.org

Source: DrayTek, "User Access Log".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns

_MAC = r"(?:Local User[^:]*?(?:\(MAC=(?P<mac>[0-9A-Fa-f-]{17})\))?: )?"
_LOOKUP = _MAC + r"(?P<client>[0-9.]+)(?::\d+)? DNS -> (?P<server>[0-9a-fA-F.:]+) inquire (?P<host>\S+)"
_CONNECTION = (
    _MAC
    + r"(?P<client>[0-9.]+):(?P<client_port>\d+) -> (?P<server>[0-9.]+):(?P<port>\d+) \((?P<proto>TCP|UDP)\)"
)


class DraytekFormat(LogFormat):
    """Reads DrayTek's user access log."""

    name = "draytek"
    help = "DrayTek Vigor: user access log, lookups and connections (syslog)"
    vantage = "firewall"
    proof = ("host",)
    advice = "The router logs no volumes: uploads stay unknown."
    marks = (" (tcp)", " (udp)", " -> ", " inquire ")
    claims = pl.col("line").str.contains(
        r"^(?:Local User.*: )?[0-9.]+(?::\d+)? (?:DNS -> \S+ inquire \S+|-> [0-9.]+:\d+ \((?:TCP|UDP)\))"
    ) | (
        pl.col("tag").str.contains("^Local User")
        & pl.col("line").str.contains(r"^[0-9.]+(?::\d+)? (?:DNS )?-> ")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup or connection."""
        # `Local User (MAC=…): ` looks like the name of a program, and may have been taken for one.
        whole = pl.when(pl.col("tag").str.contains("^Local User")).then(
            pl.concat_str("tag", "line", separator=": ")
        )
        return layouts.read(
            lines.with_columns(line=pl.coalesce(whole, "line")), [(_LOOKUP, _lookups), (_CONNECTION, _flows)]
        )


def _lookups(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _LOOKUP)
    return read.select("client", "host", "server", kind=pl.lit("dns"), client_mac="mac")


def _flows(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _CONNECTION)
    return read.select(
        "client",
        "client_port",
        "server",
        kind=pl.lit("flow"),
        client_mac="mac",
        server_port="port",
        transport=pl.col("proto").str.to_lowercase(),
    )
