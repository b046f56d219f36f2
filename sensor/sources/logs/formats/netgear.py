"""Netgear routers: sites, services and addresses given (log by mail or syslog).

    [site allowed: chat.example.com] from source 10.1.2.3, Tuesday, October 06, 2026 10:00:00
    [site blocked: chat.example.com] from source 10.1.2.3, Tuesday, October 06, 2026 10:00:00
    [service blocked: HTTPS] from source 10.1.2.3, …          names no destination: set aside
    [DHCP IP: (10.1.2.3)] to MAC address 02:00:5E:10:00:07, Tuesday, October 06, 2026 10:00:00

The clock is the router's. Neither bytes nor accounts. Source: Netgear, Nighthawk user manuals, "View or
Delete Logs"; knowledge base, "What do the router log entries mean".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, patterns
from sensor.sources.logs.text.reasons import NO_DESTINATION
from sensor.sources.logs.text.words import one_of

_STAMP = r",? (?:[A-Z][a-z]+day, ?)?(?<time>[A-Z][a-z]+ \d{1,2}, ?\d{4},? \d\d?:\d\d:\d\d)"
_SITE = r"^\[site (?<verdict>allowed|blocked): (?<url>\S+)\] from source (?<client>[0-9a-fA-F.:]+)" + _STAMP
_LEASE = r"^\[DHCP IP: \(?(?<client>[\d.]+)\)?\] to MAC address (?<mac>[0-9a-fA-F:]{17})" + _STAMP


class NetgearFormat(LogFormat):
    """Reads the log of Netgear routers."""

    name = "netgear"
    help = "Netgear routers: sites allowed and blocked, DHCP"
    vantage = "firewall"
    proof = ("host", "action")
    marks = ("[site ", "[service ", "[dhcp ip: ", "[lan access from remote")
    claims = pl.col("line").str.contains(
        r"^\[(?:site (?:allowed|blocked): |service blocked|DHCP IP: |LAN access from remote\])"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per site (kind http) and address given (kind lease)."""
        return layouts.read(
            lines,
            [(_SITE, _sites), (_LEASE, _leases), (pl.lit(True), layouts.set_aside(NO_DESTINATION))],
        )


def _sites(lines: pl.DataFrame) -> pl.DataFrame:
    return patterns.read(lines["line"], _SITE).select(
        *("client", "url"),
        time=_time(),
        kind=pl.lit("http"),
        action=one_of({"blocked": pl.col("verdict") == "blocked"}, otherwise="allowed"),
    )


def _leases(lines: pl.DataFrame) -> pl.DataFrame:
    return patterns.read(lines["line"], _LEASE).select(
        "client",
        time=_time(),
        kind=pl.lit("lease"),
        client_mac="mac",
        lease_s=pl.lit(dhcp.ASSUMED_S),
        confidence=pl.lit(dhcp.ASSUMED),
        origin=pl.lit("dhcp"),
    )


def _time() -> pl.Expr:
    """Some firmware writes no blank behind the comma: `October 06,2026`."""
    return pl.col("time").str.replace(r",(\d{4})", ", $1")
