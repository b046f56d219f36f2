r"""Aviatrix gateways and controller: egress FQDN filter, micro-segmentation, sessions of its VPN.

    avx-nfq: AviatrixFQDNRule2[CRIT]nfq_ssl_handle_client_hello() L#281  Gateway=g S_IP=10.1.2.3
      D_IP=192.0.2.7 hostname=www.example.org state=MATCHED  Rule=*.example.org;1
      … state=NO_MATCH drop_reason=NOT_WHITELISTED         refused: whatever names a reason
    AviatrixGwMicrosegPacket: POLICY=… SRC_IP=10.1.2.3 DST_IP=192.0.2.7 PROTO=TCP SRC_PORT=50000 DST_PORT=443
      DATA=0x ACT=PERMIT ENFORCED=true                     one packet, no volume; not enforced is let through
    AviatrixVPNSession: User=ada, Status=active, Gateway=g, GatewayIP=…, VPNVirtualIP=10.9.0.6, PublicIP=N/A,
      Login=2026-10-06 10:00:00, Logout=N/A, Duration=N/A, RXbytes=N/A, TXbytes=N/A

A virtual address is its user's from login to `Status=disconnected`. Source: Aviatrix, "Logging" (log format
for log management systems).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns, stamps
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.words import one_of

_FILTERED = (
    r"AviatrixFQDNRule\d*\[\w+\](?P<handler>\w+)\(\).* S_IP=(?P<client>\S+) D_IP=(?P<server>\S+) "
    r"hostname=(?P<host>\S+) state=(?P<state>\w+)(?: +drop_reason=(?P<refused>\w+))?"
)
_PACKET = (
    r"AviatrixGwMicrosegPacket: .*SRC_IP=(?P<client>\S+) DST_IP=(?P<server>\S+) PROTO=(?P<proto>\w+) "
    r"SRC_PORT=(?P<client_port>\d+) DST_PORT=(?P<port>\d+) .*ACT=(?P<verdict>\w+) ENFORCED=(?P<enforced>\w+)"
)
_SESSION = (
    r"User=(?P<user>[^,]*), Status=(?P<status>\w+), Gateway=.*VPNVirtualIP=(?P<client>[^,]+), "
    r".*Login=(?P<begin>[^,]+), Logout=(?P<end>[^,]+)"
)


class AviatrixFormat(LogFormat):
    """Reads what Aviatrix gateways and their controller log."""

    name = "aviatrix"
    help = "Aviatrix: egress FQDN filter, micro-segmentation packets, VPN sessions (syslog)"
    vantage = "firewall"
    proof = ("host", "user", "action")
    advice = "No line has bytes: add the gateways' NetFlow."
    marks = ("aviatrixfqdnrule", "aviatrixgwmicrosegpacket", "vpnvirtualip=")
    claims = pl.col("line").str.contains(
        r"AviatrixFQDNRule\d*\[|AviatrixGwMicrosegPacket: |, GatewayIP=.*, VPNVirtualIP="
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line."""
        return layouts.read(lines, [(_FILTERED, _filtered), (_PACKET, _packet), (_SESSION, _session)])


def _filtered(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _FILTERED)
    passed = pl.col("refused").is_null() & (pl.col("state") == "MATCHED")
    return read.select(
        "client",
        "server",
        "host",
        kind=one_of({"tls": pl.col("handler").str.contains("ssl")}, otherwise="http"),
        action=one_of({"allowed": passed}, otherwise="blocked"),
    )


def _packet(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _PACKET)
    dropped = (pl.col("verdict") != "PERMIT") & (pl.col("enforced") == "true")
    return read.select(
        "client",
        "client_port",
        "server",
        kind=pl.lit("flow"),
        server_port="port",
        transport=pl.col("proto").str.to_lowercase(),
        action=one_of({"blocked": dropped}, otherwise="allowed"),
    )


def _session(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _SESSION)
    ended = pl.col("status") == "disconnected"
    return read.select(
        "client",
        kind=pl.lit("lease"),
        time=pl.when(ended).then(pl.col("end").replace("N/A", None)),
        user_name="user",
        lease_from=pl.lit(stamps.read(read["begin"])),
        lease_s=pl.when(~ended).then(HALF_DAY_S),
        closes=ended,
        origin=pl.lit("vpn"),
    )
