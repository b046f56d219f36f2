r"""Windows Defender Firewall log (`pfirewall.log`): connections allowed and packets dropped on one machine.

    2026-10-06 10:00:00 ALLOW TCP 10.1.2.3 192.0.2.7 50000 443 0 - 0 0 0 - - - SEND 4321

Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags … path. Local time, as
`#Time Format` says. `size` is one packet's. `SEND` goes out, `RECEIVE` comes in; both name first who opened
the connection, or sent the packet. A dropped packet without SYN came late.
Source: Microsoft, "Interpreting the Windows Firewall log".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import CLOSED, NO_PORTS, STRAY
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<action>ALLOW|DROP|OPEN|OPEN-INBOUND|CLOSE) "
    r"(?P<proto>\w+) (?P<client>[0-9a-fA-F.:]+) (?P<server>[0-9a-fA-F.:]+) "
    r"(?P<client_port>\d+|-) (?P<port>\d+|-) (?:\S+ (?P<flags>\S+))?"
)


class WindowsFirewallFormat(LogFormat):
    """Reads Windows Firewall logs."""

    name = "windows-firewall"
    help = "Windows Defender Firewall log (pfirewall.log)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("action",)
    advice = "Without `LogAllowed` only dropped packets are logged. The log has no hosts and no volumes."
    marks = (" allow ", " close ", " drop ", " open ", " open-inbound ")
    claims = pl.col("line").str.contains(_LINE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection or dropped packet (kind flow)."""
        read = patterns.read(lines["line"], _LINE)
        return read.select(
            "time",
            "client",
            "client_port",
            "server",
            kind=pl.lit("flow"),
            server_port="port",
            transport=pl.col("proto").str.to_lowercase(),
            action=one_of({"blocked": pl.col("action") == "DROP"}, otherwise="allowed"),
            reason=one_of(
                {
                    CLOSED: pl.col("action") == "CLOSE",
                    NO_PORTS: ~has_ports(pl.col("proto")),
                    STRAY: (pl.col("action") == "DROP") & pl.col("flags").str.contains("^[ACEFPRU]+$"),
                }
            ),
        )
