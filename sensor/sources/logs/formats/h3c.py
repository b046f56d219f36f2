r"""H3C and HPE Comware (V7): sessions and what their firewalls and URL filters decided.

    SESSION/6/SESSION_IPV4_FLOW: Protocol(1001)=TCP;SrcIPAddr(1003)=10.1.2.3;SrcPort(1004)=40000;
    DstIPAddr(1007)=192.0.2.7;DstPort(1008)=443;InitByteCount(1046)=900;RplyByteCount(1047)=70;
    BeginTime_e(1013)=10062026100000;Event(1048)=(1)Normal over;
    FILTER/6/FILTER_ZONE_IPV4_EXECUTION: …;MatchCount(1069)=1;Event(1048)=Permit;
    UFLT/6/UFLT_MATCH_IPV4_LOG: …;HttpHost(1117)=…;
    DHCPS/6/DHCPS_ALLOCATE_IP: DHCP server received a DHCP client's request packet on interface …, and
     allocated an IP address 10.1.2.3(lease 86400 seconds) for the DHCP client (MAC 0200-5e00-0007) from …
    DHCPS/5/DHCPS_ALLOCATE_IP: DHCP server information: …, DHCP client IP = 10.1.2.3, DHCP client hardware
     address = 0200-5e00-0007, DHCP client lease = 86400.
    PORTAL/6/PORTAL_USER_LOGON_SUCCESS: -UserName=ada-IPAddr=10.1.2.3-IfName=…-MACAddr=0200-5e00-0007:User …

The numbers in brackets are the field ids. `InitByteCount` is what the initiator sent. `BeginTime_e` is
MMDDYYYYhhmmss, local. Event (8) opens a session, others end it; of a packet filter it is the verdict, which
URL filters call `Action`. A user of the portal whose end is not logged is held for ten hours.
Source: H3C, "System Log Messages Reference".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = (
    "Protocol", "SrcIPAddr", "SrcPort", "DstIPAddr", "DstPort", "InitByteCount", "RplyByteCount",
    "BeginTime_e",
    "EndTime_e", "Event", "Action", "UserName", "HttpHost", "HttpUrl", "URL", "Domain", "SrcMacAddr",
    "Application",
)  # fmt: skip
_EVENT = r"(?:\b|%%\d\d)((?:SESSION|FILTER|ASPF|UFLT|AUDIT|DNSFILTER|NAT|DPI)/\d/[A-Z0-9_]+)"
_LEASED = (
    r"DHCPS_ALLOCATE_IP: .*?(?:IP address |client IP = )(?P<client>\d+\.\d+\.\d+\.\d+)"
    r"(?: ?\(lease (?P<lease>\d+) seconds\))?.*(?:MAC |hardware address = )"
    r"(?P<mac>[0-9a-fA-F-]{14})(?:.* lease = (?P<held>\d+))?"
)
_PORTAL = (
    r"PORTAL_USER_(?P<what>LOGON|LOGOFF)_\w+: .*?UserName=\[?(?P<user>.*?)\]?-IPAddr=\[?"
    r"(?P<client>\d+\.\d+\.\d+\.\d+)\]?-.*MACAddr=\[?(?P<mac>[0-9a-fA-F-]{14})"
)
#: `%Oct  6 10:01:01:000 2026 fw1 `: no syslog head that others write.
_HEAD = r"^%(?:@\d+%)?([A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d(?::\d+)? \d{4}) "


class H3cFormat(LogFormat):
    """Reads session and filter logs of H3C and HPE Comware devices."""

    name = "h3c"
    help = "H3C SecPath, MSR, HPE Comware V7: session, packet filter and URL filter logs, DHCP, portal"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "user", "bytes_up", "bytes_down", "action")
    advice = "`session log flow-end` gives volumes, URL filtering with logging gives hosts."
    marks = ("protocol(1001)=", "dhcps_allocate_ip", "portal_user_logo")
    claims = pl.col("line").str.contains(_EVENT + r": .*\bProtocol\(1001\)=") | (
        pl.col("line").str.contains(_LEASED) | pl.col("line").str.contains(_PORTAL)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        return layouts.read(
            lines,
            [
                (_LEASED, lambda part: _leases(part["line"], _LEASED)),
                (_PORTAL, lambda part: _leases(part["line"], _PORTAL)),
                (pl.lit(True), _events),
            ],
        )


def _leases(lines: pl.Series, pattern: str) -> pl.DataFrame:
    read = layouts.conformed(
        patterns.read(lines, pattern), ("client", "lease", "held", "mac", "what", "user")
    )
    on_portal, closes = pl.col("what").is_not_null(), pl.col("what") == "LOGOFF"
    held = pl.coalesce("lease", "held").cast(pl.Float64, strict=False)
    return read.select(
        "client",
        time=pl.lit(lines.str.extract(_HEAD)),
        kind=pl.lit("lease"),
        client_mac="mac",
        user_name="user",
        lease_s=pl.when(closes).then(0.0).otherwise(pl.coalesce(held, pl.lit(WORKING_DAY_S))),
        closes=closes,
        origin=one_of({"directory": on_portal}, otherwise="dhcp"),
        reason=one_of({FAILED_SIGN_IN: pl.lit(lines.str.contains("LOGON_FAIL"))}),
    )


def _events(lines: pl.DataFrame) -> pl.DataFrame:
    bare = lines["line"].str.replace_all(r"\(\d{4}\)=", "=")
    fields = bare.str.replace(r"^.*?[A-Z0-9]+/\d/[A-Z0-9_]+: ", "")
    read = keyvalue.read(fields, _WANTED, separator=";")
    event = bare.str.extract(_EVENT)
    is_session = pl.lit(event).str.starts_with("SESSION/").fill_null(False)
    opened = pl.col("Event").str.starts_with("(8)").fill_null(False)
    host = pl.coalesce("HttpHost", "Domain")
    url = pl.coalesce("URL", "HttpUrl")
    named = host.is_not_null() | url.is_not_null()
    verdict = pl.coalesce("Action", pl.when(~is_session).then("Event"))
    blocked = verdict.str.contains(r"(?i-u)deny|drop|block|reset|redirect").fill_null(False)
    flow = pl.concat_str("SrcIPAddr", "SrcPort", "DstIPAddr", "DstPort", "Protocol", separator="|")
    return read.select(
        time=pl.coalesce(
            pl.when(is_session).then(_stamp("BeginTime_e")), pl.lit(lines["line"].str.extract(_HEAD))
        ),
        ended=pl.when(is_session & ~opened).then(_stamp("EndTime_e")),
        kind=one_of({"http": named}, otherwise="flow"),
        client="SrcIPAddr",
        client_port="SrcPort",
        client_mac="SrcMacAddr",
        user_name="UserName",
        host=host,
        url=pl.when(url.str.contains(r"^\w+://|^[\w-]+\.").fill_null(False)).then(url),
        path=pl.when(url.str.starts_with("/").fill_null(False)).then(url),
        server="DstIPAddr",
        server_port="DstPort",
        transport="Protocol",
        bytes_up=pl.when(is_session & ~opened).then("InitByteCount"),
        bytes_down=pl.when(is_session & ~opened).then("RplyByteCount"),
        action=one_of({"blocked": blocked}, otherwise="allowed"),
        session=pl.when(~blocked).then(flow),
        phase=one_of({"end": is_session & ~opened, "name": named}, otherwise="begin"),
        reason=one_of(
            {
                NO_CONNECTION: pl.col("DstIPAddr").is_null() & ~named,
                NO_PORTS: ~has_ports(pl.col("Protocol")).fill_null(False),
            }
        ),
    )


def _stamp(name: str) -> pl.Expr:
    """MMDDYYYYhhmmss as `YYYY-MM-DD hh:mm:ss`."""
    return pl.col(name).str.replace(r"^(\d\d)(\d\d)(\d{4})(\d\d)(\d\d)(\d\d)$", "$3-$1-$2 $4:$5:$6")
