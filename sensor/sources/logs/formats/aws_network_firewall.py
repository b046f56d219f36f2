"""AWS Network Firewall: EVE records of Suricata inside `{"firewall_name", "event_timestamp", "event"}`.

Flow logs hold EVE `netflow` (each direction a record of its own), alert logs `alert` with the TLS or HTTP it
fired on, TLS logs the SNI of inspected connections. Source: AWS Network Firewall Developer Guide, "Contents
of a log".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.suricata import SuricataFormat

_BARE_SNI = r'"sni"\s*:\s*("(?:[^"\\]|\\.)*")'


class AwsNetworkFirewallFormat(SuricataFormat):
    """Reads AWS Network Firewall logs."""

    name = "aws-network-firewall"
    help = "AWS Network Firewall logs: alert, flow (EVE netflow), TLS"
    vantage = "firewall"
    counts_headers = "ip"  # it sees packets of a GENEVE tunnel, without Ethernet
    advice = (
        "Alert logs name hosts only for rules that fire: add an alert rule for tls and http, and flow "
        "logs for volumes."
    )
    marks = ('"firewall_name"',)
    claims = pl.col("line").str.contains(r'^\s*\{.*"firewall_name"\s*:') & pl.col("line").str.contains(
        r'"event"\s*:\s*\{'
    )
    below = "event."

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """As EVE; the log of TLS inspection names the server beside `tls_error`, not below `tls`."""
        line = pl.col("line")
        bare = ~line.str.contains(r'"tls"\s*:\s*\{')
        return super().parse(
            lines.with_columns(
                pl.when(bare).then(line.str.replace(_BARE_SNI, '"tls":{"sni":$1}')).otherwise(line)
            )
        )
