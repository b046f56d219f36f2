r"""LANCOM routers (LCOS): what the firewall dropped, over syslog.

    PACKET_ALERT: Dst: 192.0.2.7:443 {www.example.org}, Src: 10.1.2.3:50000 {laptop} (TCP): port filter

Names in braces are stations the router knows. Only drops are logged; `PACKET_INFO` says why, in a line of its
own. Source: LANCOM, LCOS reference manual, "SYSLOG notifications".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import said

_DROPPED = (
    r"\bDst: (?P<server>[0-9a-fA-F.:]+?):(?P<port>\d+) (?:\{(?P<host>[^}]*)\})?, "
    r"Src: (?P<client>[0-9a-fA-F.:]+?):(?P<client_port>\d+) (?:\{(?P<device>[^}]*)\} ?)?\((?P<proto>\w+)\)"
)


class LancomFormat(LogFormat):
    """Reads the firewall's drops."""

    name = "lancom"
    help = "LANCOM LCOS 7 to 10: dropped packets of the firewall (syslog)"
    vantage = "firewall"
    is_stateless = True
    proof = ("host", "device", "action")
    advice = "Only drops are logged: export NetFlow, or read the resolver's DNS log."
    marks = ("packet_alert", "packet_info")
    claims = (pl.col("tag").str.contains(r"^PACKET_(?:ALERT|INFO)$") & pl.col("line").is_not_null()) | pl.col(
        "line"
    ).str.contains(r"^PACKET_(?:ALERT|INFO):")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per drop."""
        return layouts.read(lines, [(_DROPPED, _drops), (pl.lit(True), layouts.set_aside(NO_CONNECTION))])


def _drops(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _DROPPED)
    return read.select(
        *("client", "client_port", "server", "device"),
        kind=pl.lit("flow"),
        host=said("host"),
        name_from=pl.lit("dns_answer"),
        server_port="port",
        transport=pl.col("proto").str.to_lowercase(),
        action=pl.lit("blocked"),
    )
