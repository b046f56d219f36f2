"""Ekinops (OneAccess) OneOS routers: access lists that log.

    #INFO# list ACL-LAN denied tcp 10.1.2.3:40000-> 192.0.2.7:443 3 matches

No volume. Source: Ekinops, "OneOS6 security user guide", access-list logging.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_MATCHES = (
    r"\blist \S+ (?P<action>denied|permitted) (?P<transport>proto \d+|[a-z]+) "
    r"(?P<client>[0-9a-fA-F.:]*[0-9a-fA-F]):(?P<client_port>\d+) ?-> ?"
    r"(?P<server>[0-9a-fA-F.:]*[0-9a-fA-F]):(?P<server_port>\d+) \d+ match"
)


class EkinopsFormat(LogFormat):
    """Reads the access lists' log of OneOS."""

    name = "ekinops"
    help = "Ekinops OneOS 5 and 6: access lists that log (syslog)"
    vantage = "firewall"
    is_stateless = True
    proof = ("action",)
    advice = "Access lists name no hosts and count no bytes: add the DNS server's log."
    marks = (" denied ", " permitted ")
    claims = pl.col("line").str.contains(_MATCHES)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line (kind flow)."""
        read = patterns.read(lines["line"], _MATCHES)
        return read.with_columns(
            kind=pl.lit("flow"),
            reason=one_of({NO_PORTS: ~has_ports(pl.col("transport"))}),
        )
