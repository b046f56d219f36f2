r"""Windows Filtering Platform: Security events 5156 (permitted) and 5157 (blocked) as XML or JSON.

    <EventID>5156</EventID> … <Data Name='Direction'>%%14593</Data> <Data Name='SourceAddress'>10.1.2.3<…

`SourceAddress` is always the computer's own: of an outbound connection (%%14593) the client, of an inbound
one (%%14592) the server. Neither account nor volume is told. Source: Microsoft Learn, pages of events 5156
and 5157.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats import windows_security
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import events
from sensor.sources.logs.text.reasons import LOOPBACK, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_DATA = ("Direction", "SourceAddress", "SourcePort", "DestAddress", "DestPort", "Protocol")
_INBOUND = r"^%%14592$|^(?i:inbound)$"
_LOOPBACK = r"^127\.|^::1$"


class WindowsFilteringFormat(LogFormat):
    """Reads which connections of a computer its firewall let pass or blocked."""

    name = "windows-filtering"
    help = "Windows Filtering Platform, Security events 5156 and 5157: XML, winlogbeat, NXLog, Wazuh JSON"
    vantage = "endpoint"
    is_stateless = True
    proof = ("device", "action")
    advice = (
        "These events name no hosts, accounts or bytes: collect Sysmon events 22 and 3 of the same computers."
    )
    marks = ("5156", "5157")
    claims = windows_security.AUDITED & windows_security.FILTERED
    framing = windows_security.XML

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind flow)."""
        read = events.read(lines["line"], _DATA)
        inbound = pl.col("Direction").str.contains(_INBOUND).fill_null(False)
        here, there = ("SourceAddress", "SourcePort"), ("DestAddress", "DestPort")
        client, server = (
            [pl.when(inbound).then(back).otherwise(out) for back, out in zip(other, one, strict=True)]
            for one, other in ((here, there), (there, here))
        )
        return read.select(
            time="stamp",
            kind=pl.lit("flow"),
            client=client[0],
            client_port=client[1],
            server=server[0],
            server_port=server[1],
            device=pl.when(~inbound).then("computer"),
            transport="Protocol",
            action=one_of({"blocked": pl.col("event") == "5157"}, otherwise="allowed"),
            reason=one_of(
                {NO_PORTS: ~has_ports(pl.col("Protocol")), LOOPBACK: client[0].str.contains(_LOOPBACK)}
            ),
        )
