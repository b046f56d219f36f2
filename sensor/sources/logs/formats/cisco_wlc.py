r"""Cisco wireless controllers (Catalyst 9800, AireOS), device tracking of IOS XE: who is at an address.

    %CLIENT_ORCH_LOG-7-CLIENT_MOVED_TO_RUN_STATE: Chassis 1 R0/0: wncd: Username (ada), MAC: 0200.5e00.0007,
      IP 10.1.2.3 associated to AP (ap1) with SSID (corp)                                       Catalyst 9800
    … CLIENT_IP_UPDATED: … Username (ada), MAC: …, IP 10.1.2.3 fe80::1 2001:db8::7 associated to …
    … CLIENT_MOVED_TO_DELETE_STATE: … IP 10.1.2.3 disconnected from AP (ap1) with SSID (corp)
    %APF-3-AUTHENTICATION_TRAP: apf_80211.c:21442 Client Authenticated: MACAddress:02:00:5e:00:00:07 …
      User Name:ada Ip Address:10.1.2.3 SSID:corp                                               AireOS
    %SISF-6-ENTRY_CREATED: Entry created A=10.1.2.3 V=10 I=Gi1/0/1 P=0005 M=0200.5e00.0007

A client has all the addresses that its latest message lists; those of a link alone are left out. An entry of
device tracking (SISF) knows the hardware address only. AireOS names its task before the time: `*emWeb: Aug 22
…`. Other messages of these facilities name no address. Source: Cisco, "Catalyst 9800 Series Wireless
Controller Software Configuration Guide" (syslog support for client state change); "AireOS system message
guide".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, patterns
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_MAC = r"(?P<mac>[0-9a-fA-F.:-]{12,17})"
_CLIENT = (
    r"CLIENT_(?P<what>MOVED_TO_RUN|IP_UPDATED|MOVED_TO_DELETE)\w*: .*?Username \((?P<user>[^)]*)\), "
    rf"MAC: {_MAC}, IP (?P<addresses>[0-9a-fA-F.: ]+?) (?:associated|disconnected) "
)
_AUTHENTICATED = (
    rf"Client Authenticated: +MACAddress: ?{_MAC} .*\bUser Name: ?(?P<user>.*?) "
    r"Ip Address: ?(?P<addresses>[0-9a-fA-F.:]+) "
)
_TRACKED = rf"Entry (?P<what>created|changed|deleted) A=(?P<addresses>[0-9a-fA-F.:]+) .*\bM={_MAC}"
_STAMP = r"^(?:\S+: )?\*[\w ]+: ([A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?): %"
#: A user name that is a hardware address is no person.
_HARDWARE = r"(?i)^(?:[0-9a-f]{2}[-:.]?){6}$"


class CiscoWlcFormat(LogFormat):
    """Reads clients of wireless controllers and of device tracking."""

    name = "cisco-wlc"
    help = "Cisco wireless controllers (Catalyst 9800, AireOS), device tracking of IOS XE: clients' addresses"
    vantage = "identity"
    proof = ("user", "device")
    advice = (
        "`wireless client syslog-detailed` on a Catalyst 9800 tells account and addresses of each client; "
        "send it at level 7."
    )
    marks = ("%client_orch_log-", "%sisf-", "authentication_trap")
    claims = pl.col("line").str.contains(
        r"%(?:CLIENT_ORCH_LOG-\d-CLIENT_[A-Z_]+|SISF-\d-ENTRY_[A-Z_]+|APF-\d-AUTHENTICATION_TRAP): "
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per address."""
        return layouts.read(
            lines,
            [
                (_CLIENT, lambda part: _leases(part, _CLIENT, "radius")),
                (_AUTHENTICATED, lambda part: _leases(part, _AUTHENTICATED, "radius")),
                (_TRACKED, lambda part: _leases(part, _TRACKED, "dhcp")),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _leases(lines: pl.DataFrame, pattern: str, origin: str) -> pl.DataFrame:
    read = layouts.conformed(
        patterns.read(lines["line"], pattern), ("what", "user", "mac", "addresses")
    ).with_columns(time=lines["line"].str.extract(_STAMP))
    listed = pl.col("addresses").str.split(" ").list.filter(~pl.element().str.contains("(?i)^fe80:|^$"))
    each = read.with_columns(client=listed).with_row_index("row").explode("client")
    gone = pl.col("what").str.contains("(?i)delete").fill_null(False)
    return each.select(
        *("row", "time", "client"),
        kind=pl.lit("lease"),
        client_mac="mac",
        user_name=pl.when(~pl.col("user").str.contains(_HARDWARE)).then("user"),
        lease_s=pl.when(gone).then(0.0).otherwise(HALF_DAY_S),
        closes=gone,
        origin=pl.lit(origin),
        confidence=pl.lit(dhcp.ASSUMED),
        reason=one_of({NO_ADDRESS: pl.col("client").is_null()}),
    )
