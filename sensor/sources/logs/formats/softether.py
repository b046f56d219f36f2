r"""SoftEther VPN Server: which account's session, and which device, got which address (security log).

    2026-10-06 10:00:00.519 Session "SID-SECURENAT-1": The DHCP server of host "5E-00-…" (10.9.0.1) on this
    session allocated, for host "SID-ADA-19" on another session "5E-00-…", the new IP address 10.9.0.7.
    2026-10-06 10:00:00.519 SecureNAT: The DHCP entry 7 has been created. MAC address: 5E-00-…, IP address:
    10.9.0.7, host name: ada-pc, expiration span: 7200 seconds
    … [HUB "OFFICE"] Session "SID-ADA-19": …                                                       server log
    [vpn1/VPN/OFFICE] (2026-10-06 10:00:00.519) <SECURITY_LOG>: Session "SID-ADA-19": …                syslog

A session is called after its account, in capitals; the words around session and hardware address change
places with the version. A session's end names no address, so the lease holds for ten hours or until the
address is given to another. Logs are in the language of the server: English is read. Time is local. Source:
SoftEther VPN manual, "Logging Service"; Cedar/Logging.c, Cedar/Server.c (SiWriteSysLog).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS

_HEAD = (
    r"^(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) |\[[^\]]*/VPN[^\]]*\] \((?P<sent>[^)]+)\) <\w+>: )?"
)
#: Nothing may stand before it: clients choose their host names.
_HUB = r'(?:\[HUB "[^"]*"\] )?'
_IP = r"(?P<address>[0-9A-Fa-f.:]*[0-9A-Fa-f])"
_ALLOCATED = (
    _HEAD
    + _HUB
    + r'Session "[^"]*": The DHCP server of host "[^"]*" \([^)]*\) on this session allocated, '
    + r'for host "(?P<one>[^"]+)" '
    + rf'on another session "(?P<other>[^"]+)", the new IP address {_IP}'
)
_CREATED = (
    _HEAD
    + _HUB
    + r"SecureNAT: The DHCP entry \d+ has been created\. MAC address: (?P<mac>[0-9A-Fa-f-]{17}), "
    + rf"IP address: {_IP}, host name: (?P<device>[^,]*), expiration span: (?P<seconds>\d+) seconds"
)
#: `SID-ADA-19`, `SID-ADA-[L2TP]-19`.
_SESSION = r"^SID-(.+?)-(?:\[\w+\]-)?\d+$"
#: Sessions of the server itself.
_OWN = ["SECURENAT", "LOCALBRIDGE", "CASCADE", "LAYER3"]


class SoftEtherFormat(LogFormat):
    """Reads SoftEther VPN Server's security log."""

    name = "softether"
    help = (
        "SoftEther VPN Server 4 and 5: addresses given to sessions (security and server log, syslog; English)"
    )
    vantage = "identity"
    proof = ("user", "device")
    advice = "Log the security log of each virtual hub: it has the addresses that its DHCP server gave."
    marks = ('session "sid-', 'connection "cid-', "securenat: the dhcp entry")
    claims = pl.col("line").str.contains(
        r'(?:Session "SID-[^"]+"|(?:The c|C)onnection "CID-\d+"(?: \(|:)|SecureNAT: The DHCP entry \d+ )'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        return layouts.read(
            lines,
            [
                (_ALLOCATED, lambda part: _session(patterns.read(part["line"], _ALLOCATED))),
                (_CREATED, lambda part: _entry(patterns.read(part["line"], _CREATED))),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _session(read: pl.DataFrame) -> pl.DataFrame:
    session = pl.when(pl.col("one").str.starts_with("SID-")).then("one").otherwise("other")
    hardware = pl.when(pl.col("one").str.starts_with("SID-")).then("other").otherwise("one")
    user = session.str.extract(_SESSION)
    return read.select(
        **_begun(),
        client_mac=hardware,
        user_name=pl.when(~user.is_in(_OWN)).then(user),
        lease_s=pl.lit(WORKING_DAY_S),
        origin=pl.lit("vpn"),
    )


def _entry(read: pl.DataFrame) -> pl.DataFrame:
    return read.select(
        **_begun(),
        client_mac="mac",
        device="device",
        lease_s=pl.col("seconds").cast(pl.Float64, strict=False),
        origin=pl.lit("dhcp"),
    )


def _begun() -> dict[str, pl.Expr]:
    return {
        "time": pl.coalesce("time", "sent"),
        "kind": pl.lit("lease"),
        "client": pl.col("address"),
    }
