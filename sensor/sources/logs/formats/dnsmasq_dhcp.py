"""dnsmasq as DHCP server: its lease file, and what it logs (`dnsmasq.py` reads its lookups).

    1795356000 02:00:00:00:00:0a 10.1.0.7 ann-pc 01:02:00:00:00:00:0a
    duid 00:01:00:01:2c:00:00:00:02:00:00:00:00:01
    1795356000 11259375 2001:db8::7 ann-pc 00:01:00:01:2c:00:00:00:02:00:00:00:00:0a
    dnsmasq-dhcp[831]: DHCPACK(br-lan) 10.1.0.7 02:00:00:00:00:0a ann-pc

The first field is when the lease ends (epoch, s), 0 if never; on builds without a clock, the seconds left.
`*` is unknown; `06-` before a MAC is a hardware type. The file is a snapshot: a lease is known to be held
when the file was written. The log does not say how long a lease lasts.
Source: dnsmasq(8); dnsmasq lease.c, rfc2131.c.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from sensor import schema
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, patterns, stamps
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_ADDRESS, SERVERS_OWN

_NAME = r"^dnsmasq-dhcp(?:\[\d+\])?: "
_MAC = r"(?:[0-9a-f]{2}-)?(?P<mac>[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5})"
_FILE4 = rf"^(?P<end>\d{{1,10}}) {_MAC} (?P<ip>\d+\.\d+\.\d+\.\d+) (?P<name>\S+) \S+\s*$"
_FILE6 = (
    r"^(?P<end>\d{1,10}) T?\d+ (?P<ip>[0-9a-f:]*:[0-9a-f:]*) (?P<name>\S+) "
    r"(?P<duid>(?:[0-9a-f]{2}:)+[0-9a-f]{2}|\*)\s*$"
)
_OWN = r"^duid (?:[0-9a-f]{2}:)+[0-9a-f]{2}\s*$"
_ACK = rf"^(?:\d+ )?DHCPACK\(\S+\) (?P<ip>\d+\.\d+\.\d+\.\d+) {_MAC}(?: (?P<name>\S+))?"
_REPLY = (
    r"^(?:\d+ )?DHCPREPLY\(\S+\) (?P<ip>[0-9a-f:]+) (?P<duid>(?:[0-9a-f]{2}:)+[0-9a-f]{2})(?: (?P<name>\S+))?"
)
_GIVEN_UP = r"^(?:\d+ )?DHCP(?:RELEASE|DECLINE)\(\S+\) (?P<ip>[0-9a-f.:]+) (?P<rest>\S+)"
_SPOKEN = r"^(?:\d+ )?(?:DHCP[A-Z]+|RTR-[A-Z]+|SLAAC-CONFIRM)\([\w.@-]+\) "
#: A number below is not a time but the seconds left.
_LEFT_S = 10 * 365 * 86_400
#: dnsmasq's own default; where the file was copied after its leases ended.
_DEFAULT_S = 3_600


class DnsmasqDhcpFormat(LogFormat):
    """Reads the lease file of dnsmasq and its DHCP messages."""

    name = "dnsmasq-dhcp"
    help = "dnsmasq 2.x: dnsmasq.leases and DHCP log lines, as OpenWrt's and Pi-hole's"
    vantage = "identity"
    proof = ("device",)
    advice = "dnsmasq.leases is a snapshot: collect the dnsmasq-dhcp log lines, too, for history."
    claims = (
        pl.col("line").str.contains(ascii_only(_FILE4))
        | pl.col("line").str.contains(ascii_only(f"{_FILE6}|{_OWN}|{_SPOKEN}|{_NAME}"))
        | (pl.col("tag").str.contains(r"^dnsmasq-dhcp$").fill_null(False))
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per line of the file, DHCPACK or DHCPREPLY."""
        return layouts.read(
            lines.with_columns(pl.col("line").str.replace(_NAME, "")),
            [
                (_FILE4, lambda part: self._file(part, _FILE4)),
                (_FILE6, lambda part: self._file(part, _FILE6)),
                (_OWN, layouts.set_aside(SERVERS_OWN)),
                (_ACK, lambda part: _message(part, _ACK)),
                (_REPLY, lambda part: _message(part, _REPLY)),
                (_GIVEN_UP, _given_up),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )

    def _file(self, lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
        """Leases from when the file was written, or, if that is after their end, the last hour of them."""
        found = patterns.read(lines["line"], pattern)
        number = pl.col("end").cast(pl.Int64, strict=False)
        written = pl.lit(self.reference or datetime(1970, 1, 1, tzinfo=UTC), dtype=schema.TIME)
        end = (
            pl.when(number >= _LEFT_S)
            .then(stamps.epoch(number))
            .when(number > 0)
            .then(written + pl.duration(seconds=number))
        )
        last_hour = end - pl.duration(seconds=_DEFAULT_S)
        from_file = written if self.reference else last_hour
        begin = pl.when(end <= written).then(last_hour).otherwise(from_file)
        return found.select(
            **_who(found), at=begin, lease_from=begin, lease_to=end, confidence=pl.lit(dhcp.ASSUMED)
        )


def _who(found: pl.DataFrame) -> dict[str, pl.Expr]:
    name = pl.col("name")
    by_duid = "duid" in found.columns
    return {
        "kind": pl.lit("lease"),
        "client": pl.col("ip"),
        "client_mac": dhcp.mac_of_duid(pl.col("duid")) if by_duid else pl.col("mac"),
        "device": pl.when(name != "*").then(name),
        "origin": pl.lit("dhcp"),
    }


def _message(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    found = patterns.read(lines["line"], pattern)
    sure = dhcp.BY_DUID if "duid" in found.columns else dhcp.ASSUMED
    return found.select(**_who(found), lease_s=pl.lit(dhcp.ASSUMED_S), confidence=pl.lit(sure))


def _given_up(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _GIVEN_UP)
    return found.select(
        kind=pl.lit("lease"), client="ip", lease_s=pl.lit(0.0), closes=pl.lit(True), origin=pl.lit("dhcp")
    )
