r"""PacketFence: addresses that its DHCP listener saw given, and those that its own DHCP server gives.

    pfdhcplistener: pfqueue(11937) INFO: [mac:unknown] DHCPACK from 10.1.0.1 (02:00:…) to host 02:00:…
    (10.1.2.3) for 86400 seconds (pf::dhcp::processor_v4::parse_dhcp_ack)
    pfdhcp[831]: t=2026-10-06T10:00:00+0200 lvl=info msg="DHCPACK on 10.1.2.3 to 02:00:… (ada-pc)" pid=831 …

What its RADIUS modules log names accounts and hardware addresses, and no address: FreeRADIUS' accounting has
both. Source: PacketFence, lib/pf/dhcp/processor_v4.pm, go/cmd/pfdhcp.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, patterns
from sensor.sources.logs.text.reasons import NO_ADDRESS

_MAC = r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}"
_HEARD = (
    r"^(?:\S+ )?[A-Z]+: \[mac:[^\]]*\] DHCPACK(?: CIADDR)? from \S+ \([^)]*\) to host "
    rf"(?P<mac>{_MAC}) \((?P<ip>[\d.]+)\)(?: for (?P<seconds>\d+) seconds)?"
)
_GIVEN = rf'^t=(?P<time>\S+) lvl=\w+ msg="DHCPACK on (?P<ip>[\d.]+) to (?P<mac>{_MAC}) \((?P<device>[^()]*)\)'


class PacketFenceFormat(LogFormat):
    """Reads PacketFence's logs."""

    name = "packetfence"
    help = "PacketFence 7 to 14: DHCP listener and server (packetfence.log, syslog)"
    vantage = "identity"
    proof = ("device",)
    advice = "PacketFence's log names no account beside an address: scan FreeRADIUS' accounting, too."
    marks = ("[mac:", " lvl=")
    claims = pl.col("line").str.contains(
        r"^(?:\S+ )?[A-Z]+: \[mac:[^\]]*\] .*\(pf::[\w:]+\)$"
        r'|^t=\S+ lvl=\w+ msg="(?:[^"\\]|\\.)*" pid=\d+ mac='
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        return layouts.read(
            lines,
            [
                (_HEARD, lambda part: _rows(patterns.read(part["line"], _HEARD))),
                (_GIVEN, lambda part: _rows(patterns.read(part["line"], _GIVEN))),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    told = layouts.conformed(read, ("time", "ip", "mac", "device", "seconds"))
    length = dhcp.length(pl.col("seconds"))
    return told.select(
        "time",
        "device",
        kind=pl.lit("lease"),
        client="ip",
        client_mac="mac",
        lease_s=length.fill_null(dhcp.ASSUMED_S),
        origin=pl.lit("dhcp"),
        confidence=pl.when(length.is_not_null()).then(dhcp.TOLD).otherwise(dhcp.ASSUMED),
    )
