r"""Sophos Firewall (XG, SFOS 16 to 21) and Sophos UTM (9): key=value.

    device="SFW" date=2026-10-06 time=10:00:00 timezone="CEST" … log_type="Firewall" … sent_bytes=9
    recv_bytes=7 …
    device_name="SFW" timestamp="2026-10-06T10:00:00+0200" … con_event="Stop" con_id="7" …        SFOS 18 and
    later
    2026:10:06-10:00:00 utm httpproxy[5]: id="0001" sys="SecureWeb" sub="http" srcip="…" url="…" size="7" …
    UTM

`sent_bytes` (`bytes_sent`) is what the client sent. The firewall log writes a connection's start and stop,
the web filter its requests: one session by `con_id`, or by the 5-tuple. UTM's `size` is what the client got;
its packet filter logs single packets. Source: Sophos Firewall, "Syslog guide"; Sophos UTM, "Web protection
log".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import MAIL, NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "stamp": "timestamp",
    "date": "date",
    "clock": "time",
    "zone": "timezone",
    "device_id": "device_serial_id|device_id",
    "type": "log_type",
    "component": "log_component",
    "subtype": "log_subtype",
    "status": "status",
    "client": "src_ip|sourceip",
    "client_port": "src_port",
    "client_mac": "src_mac",
    "server": "dst_ip|destinationip",
    "port": "dst_port",
    "proto": "protocol",
    "user": "user_name|user|login_user",
    "url": "url",
    "host": "domain|sni|dstdomain|dst_domainname|server_name|source",
    "agent": "user_agent|http_user_agent",
    "method": "http_method",
    "code": "http_status|status_code|httpresponsecode",  # the last one is empty beside the second
    "up": "sent_bytes|bytes_sent",
    "down": "recv_bytes|bytes_received",
    "packets_up": "sent_pkts|packets_sent",
    "packets_down": "recv_pkts|packets_received",
    "duration": "duration",
    "event": "con_event|connevent",
    "connection": "con_id|connid",
    "leased": "ipaddress|reported_ip|ip",
    "leased_mac": "client_physical_address",
    "leased_name": "client_host_name",
    "message": "message",
}
_UTM = {
    "sub": "sub", "action": "action", "method": "method", "client": "srcip", "client_port": "srcport",
    "client_mac": "srcmac",
    "server": "dstip", "port": "dstport", "proto": "proto", "user": "user", "domain": "ad_domain",
    "status": "statuscode",
    "down": "size", "url": "url", "agent": "ua", "taken": "fullreqtime", "name": "name",
    "virtual": "virtual_ip", "account": "username", "event": "event",
}  # fmt: skip
_SFOS_CLAIM = (
    r'\bdevice(?:_name)?="?SFW\b|\blog_id="?\d+"? log_type="[^"]*" log_component=|'
    r'\bdevice_serial_id=.*\blog_type="'
)
_UTM_CLAIM = r'\bid="\d{4}" severity="\w+" sys="[^"]+" sub="[^"]+"'
_WEB = [
    "Content Filtering",
    "SSL",
    "SSL/TLS",
    "HTTP",
    "Web",
    "Web Filter",
    "WAF",
    "Anti-Virus",
    "Anti Virus",
    "Application Filter",
    "ATP",
    "Sandbox",
]
_MAIL = ["SMTP", "SMTPS", "POP", "POP3", "POPS", "POP3S", "IMAP", "IMAP4", "IMAPS", "Mail"]


class SophosFormat(LogFormat):
    """Reads Sophos Firewall and UTM logs."""

    name = "sophos"
    help = (
        "Sophos Firewall / XG (SFOS 16 to 21): firewall, web filter, SSL/TLS, logins, DHCP; Sophos UTM "
        "9: web, packet filter, VPN"
    )
    vantage = "firewall"
    is_on_site = True
    counts_headers = "ip"
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Forward web filter (content filtering) and SSL/TLS logs beside the firewall's: only they name hosts."
    )
    marks = (
        '" log_component=', '" severity="', 'device="sfw', "device=sfw", 'device_name="sfw',
        "device_name=sfw", "device_serial_id=",
    )  # fmt: skip
    claims = pl.col("line").str.contains(f"{_SFOS_CLAIM}|{_UTM_CLAIM}")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record: kind flow, proxy or tls; logins and DHCP leases."""
        return layouts.read(lines, [(_UTM_CLAIM, _utm), (pl.lit(True), _sfos)])


def _sfos(lines: pl.DataFrame) -> pl.DataFrame:
    read = keyvalue.read(lines["line"], _FIELDS).with_columns(
        is_flow=pl.col("type") == "Firewall",
        is_web=pl.col("type").is_in(_WEB) | pl.col("url").str.contains(r"\.").fill_null(False),
        is_whole=pl.col("url").str.contains(r"^[a-z]+://|^[^/\s]+\.[^/\s]+").fill_null(False),
        is_dhcp=_is_dhcp(),
        is_lease=(_is_login() | _is_dhcp()).fill_null(False),
    )
    return read.select(**_holder(), **_request(), **_connection(), reason=_reason())


def _is_login() -> pl.Expr:
    return (
        pl.col("component").is_in(["Firewall Authentication", "Authentication"])
        & pl.col("status").is_in(["Successful", "Success", "Connected"])
        & pl.col("client").is_not_null()
        & pl.col("user").is_not_null()
    )


def _is_dhcp() -> pl.Expr:
    """The firewall's own DHCP server gave an address."""
    return (
        (pl.col("component") == "DHCP Server")
        & pl.col("leased_mac").is_not_null()
        & ~pl.col("status").str.contains("(?i)expire|release")
    )


def _holder() -> dict[str, pl.Expr]:
    """Who had the address, and for logins and DHCP leases how long."""
    dhcp = pl.col("is_dhcp")
    return {
        "client": pl.when(dhcp).then("leased").otherwise("client"),
        "client_port": pl.col("client_port"),
        "client_mac": pl.coalesce("leased_mac", "client_mac"),
        "device": pl.when(dhcp).then("leased_name"),
        "user_name": pl.col("user"),
        "lease_s": pl.when(dhcp).then(86_400.0).when("is_lease").then(WORKING_DAY_S),
        "origin": one_of({"dhcp": dhcp}, otherwise="directory"),
    }


def _request() -> dict[str, pl.Expr]:
    whole = pl.col("is_whole")
    return {
        "url": pl.when(whole).then("url"),
        "host": pl.when(~whole & pl.col("is_web")).then("host"),
        "path": pl.when(~whole & pl.col("url").str.starts_with("/")).then("url"),
        "method": pl.col("method"),
        "status": pl.col("code"),
        "user_agent": pl.col("agent"),
    }


def _connection() -> dict[str, pl.Expr]:
    """The connection, and what this record tells of its session."""
    flow, event = pl.col("is_flow"), pl.col("event")
    by_ends = pl.concat_str(said("client"), "client_port", said("server"), "port", separator="|")
    numbered = said("connection", "0")
    session = pl.concat_str(pl.col("device_id").fill_null(""), pl.coalesce(numbered, by_ends), separator="|")
    started, interim = flow & (event == "Start"), flow & (event == "Interim")
    measured = pl.col("up").is_not_null() | pl.col("down").is_not_null()
    kinds = {
        "lease": pl.col("is_lease"),
        "flow": flow,
        "proxy": pl.col("is_whole"),
        "tls": pl.col("is_web"),
    }
    actions = {
        "blocked": pl.col("subtype").str.contains("(?i)den|drop|reject|block|virus|malware"),
        "allowed": pl.col("subtype").is_not_null(),
    }
    phases = {
        "begin": started,
        "end": flow & ~interim.fill_null(False),
        "update": interim | measured,
    }
    return {
        "time": pl.coalesce("stamp", pl.concat_str("date", "clock", separator=" ")),
        "zone": pl.col("zone"),
        "duration_s": pl.col("duration"),
        "at_end": flow & (event.fill_null("Stop") == "Stop"),
        "kind": one_of(kinds, otherwise="flow"),
        "server": pl.col("server"),
        "server_port": pl.col("port"),
        "transport": pl.col("proto"),
        "bytes_up": pl.col("up"),
        "bytes_down": pl.col("down"),
        "packets_up": pl.when(flow).then("packets_up"),
        "packets_down": pl.when(flow).then("packets_down"),
        "action": one_of(actions, otherwise=pl.col("status")),
        "session": pl.when(~pl.col("is_lease")).then(session),
        "phase": one_of(phases, otherwise="name"),
    }


def _reason() -> pl.Expr:
    flow, whole = pl.col("is_flow"), pl.col("is_whole")
    ported = has_ports(pl.col("proto"))
    return pl.when(~pl.col("is_lease")).then(
        one_of(
            {
                NO_CONNECTION: ~flow & ~pl.col("is_web"),
                MAIL: ~flow & pl.col("component").is_in(_MAIL),
                NO_PORTS: ~ported & ~whole & (pl.col("type") != "Sandbox"),
            }
        )
    )


def _utm(lines: pl.DataFrame) -> pl.DataFrame:
    read = keyvalue.read(lines["line"], _UTM)
    web = (pl.col("sub") == "http").fill_null(False)
    packet = (pl.col("sub") == "packetfilter").fill_null(False)
    # A tunnel of a remote user that came about.
    tunnel = ((pl.col("sub") == "vpn") & (pl.col("event") == "Connection started")).fill_null(False)
    tunnel &= pl.col("virtual").is_not_null()
    account = pl.coalesce(pl.concat_str(said("domain"), said("user"), separator="\\"), said("user"))
    return read.select(
        at_end=web,
        duration_s=pl.col("taken").cast(pl.Float64, strict=False) / 1_000_000,
        kind=one_of({"proxy": web, "lease": tunnel}, otherwise="flow"),
        client=pl.when(tunnel).then("virtual").otherwise("client"),
        client_port="client_port",
        client_mac="client_mac",
        user_name=pl.when(tunnel).then("account").otherwise(account),
        lease_s=pl.when(tunnel).then(WORKING_DAY_S),
        origin=one_of({"vpn": tunnel}),
        url="url",
        method="method",
        status="status",
        user_agent="agent",
        server="server",
        server_port="port",
        transport=one_of({"tcp": web}, otherwise=pl.col("proto")),
        # The size of a packet is no volume.
        bytes_down=pl.when(web).then("down"),
        # A warned request got the warning page; what the user goes on to is `0072` and lines that pass.
        action=one_of(
            {
                "blocked": pl.col("action").str.contains("(?i)block|drop|reject|deny|denied|warn"),
                "allowed": pl.col("action").is_not_null() | web,
            }
        ),
        reason=one_of(
            {NO_CONNECTION: ~web & ~packet & ~tunnel, NO_PORTS: packet & ~has_ports(pl.col("proto"))}
        ),
    )
