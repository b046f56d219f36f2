"""Yamaha RTX, NVR and FWX routers: filters, inspected sessions, DHCP (syslog).

    [INSPECT] PP[01][out][101] TCP 10.1.2.3:50000 > 192.0.2.7:443 (2026/10/06 10:00:00)
    LAN2 Rejected at OUT(2000) filter: TCP 10.1.2.3:50000 > 192.0.2.7:443
    [DHCPD] LAN1(port1) Allocates 10.1.2.3: 02:00:5e:10:00:07

A session is told when it ends, with the time it began, in the router's own zone; a filter's line has the time
of syslog, which takes its first words for a program's name. No bytes. Source: Yamaha, RTX series command
reference, `syslog notice`; "Dynamic filtering" (RTpro).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, patterns
from sensor.sources.logs.text.reasons import NO_PORTS, OWN_MESSAGE
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_ENDS = (
    r"(?<proto>[A-Za-z0-9]+) (?<client>[0-9a-fA-F.:]+)[:.](?<client_port>\d+) > "
    r"(?<server>[0-9a-fA-F.:]+)[:.](?<server_port>\d+)"
)
_VERDICT = r"(Rejected|Passed) at (?:IN|OUT)\([^)]*\) filter"
_LEASE = (
    r"^\[DHCPD\] \S+ (?:Allocates|Extends) (?<client>[\d.]+): (?:\([^)]*\) )?"
    r"(?<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})"
)


class YamahaFormat(LogFormat):
    """Reads the log of Yamaha routers."""

    name = "yamaha"
    help = "Yamaha RTX, NVR, FWX: filters, inspected sessions, DHCP (syslog)"
    vantage = "firewall"
    proof = ("action",)
    advice = "These lines name no hosts and count no bytes: add the resolver's log."
    marks = ("[inspect] ", " filter", "[dhcpd] ")
    claims = pl.col("line").str.contains(
        rf"^\[INSPECT\] \S+\[(?:in|out)\]\[|^\S+ {_VERDICT}: |^\[DHCPD\] "
    ) | pl.col("tag").str.contains(f"{_VERDICT}$").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per session, judged packet (kind flow) or address given (kind lease)."""
        return layouts.read(
            lines,
            [
                (_LEASE, _leases),
                (_ENDS, _connections),
                (pl.lit(True), layouts.set_aside(OWN_MESSAGE)),
            ],
        )


def _connections(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _ENDS)
    verdict = pl.coalesce(lines["line"].str.extract(_VERDICT), lines["tag"].str.extract(_VERDICT))
    return read.select(
        *("client", "client_port", "server", "server_port"),
        time=lines["line"].str.extract(r"\((\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\)$"),
        kind=pl.lit("flow"),
        transport=pl.col("proto").str.to_lowercase(),
        action=one_of({"blocked": verdict == "Rejected"}, otherwise="allowed"),
        reason=one_of({NO_PORTS: ~has_ports(pl.col("proto"))}),
    )


def _leases(lines: pl.DataFrame) -> pl.DataFrame:
    return patterns.read(lines["line"], _LEASE).select(
        "client",
        kind=pl.lit("lease"),
        client_mac="mac",
        lease_s=pl.lit(dhcp.ASSUMED_S),
        confidence=pl.lit(dhcp.ASSUMED),
        origin=pl.lit("dhcp"),
    )
