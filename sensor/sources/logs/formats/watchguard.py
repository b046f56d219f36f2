r"""WatchGuard Firebox (Fireware 11 to 12): LEEF and plain syslog; connections, HTTP and HTTPS proxies.

    LEEF:1.0|WatchGuard|XTM|12.8|1AFF0024|serial=…<TAB>disp=Allow<TAB>src=10.1.2.3<TAB>…
    sent_bytes=403<TAB>rcvd_bytes=719
    http-proxy[2]: msg_id="1AFF-0024" Allow 1-Trusted 0-External tcp 10.1.2.3 192.0.2.7 40000 443 msg="HTTP
    request" …
    firewall: msg_id="3000-0151" Allow 1-Trusted 0-External 60 tcp 20 64 10.1.2.3 192.0.2.7 40000 443 …

`dstname` and `arg` are host and path, `sni` (else `cn`) the host of HTTPS; `sent_bytes` is what the client
sent. 3000-0151 ends a connection with its volume; the lines of one 5-tuple are one session. Some forwarders
cut `LEEF:` off and write tabs as `#011`. Source: WatchGuard, "Fireware Log Catalog".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, dhcp, keyvalue, layouts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import ALERT, NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "devTime",
    "serial": "serial",
    "disp": "disp|action",
    "client": "src|src_ip",
    "client_port": "srcPort|src_port",
    "server": "dst|dst_ip",
    "port": "dstPort|dst_port",
    "proto": "proto",
    "user": "src_user|usrName|user",
    "host": "dstname|sni|cn|host",
    "path": "arg|path",
    "query": "question|dns_name|query_name",
    "qtype": "query_type",
    "method": "op",
    "agent": "user_agent",
    "up": "sent_bytes|srcBytes",
    "down": "rcvd_bytes|dstBytes",
    "duration": "duration|elapsed_time",
    "message": "msg",
    "header": "header",
}
_ENDS = (
    r"\b(?P<disp>Allow|Deny|ProxyAllow|ProxyDeny|ProxyStrip|ProxyDrop|ProxyInspect|ProxyAvScan)\w* .{1,60}?"
    r"\b(?P<proto>tcp|udp|icmp|igmp|esp|gre|ospf|pim) (?:\d+ \d+ )?"
    r"(?P<client>[0-9a-fA-F]*[.:][0-9a-fA-F.:]+) (?P<server>[0-9a-fA-F]*[.:][0-9a-fA-F.:]+)"
    r"(?: (?P<client_port>\d+) (?P<port>\d+))?"
)
#: Traffic Monitor's own columns: `Deny 10.1.2.3 192.0.2.7 https/tcp 40000 443 1-Trusted 0-External …`.
_SHOWN = (
    r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d )?(?P<disp>Allow|Deny|Proxy\w+) "
    r"(?P<client>[0-9a-fA-F]*[.:][0-9a-fA-F.:]+) (?P<server>[0-9a-fA-F]*[.:][0-9a-fA-F.:]+) "
    r"(?:\S+/)?(?P<proto>tcp|udp|icmp) (?P<client_port>\d+) (?P<port>\d+) "
)
_LEEF = r"\b\d\.\d\|WatchGuard\|"
#: A management user is an account of the box, not the holder of the computer it came from.
_LOGIN = (
    r"(?P<other>SSL VPN |Mobile VPN |IKEv2 |L2TP |Management )?[Uu]ser (?P<user>\S+) from (?P<from>[\d.]+) "
    r"logged in(?:.*?virtual IP is (?P<virtual>[\d.]+))?"
)
_ACCEPTED = (
    r"\bAuthentication of (?P<sort>\w[\w ]*?) user \[(?P<user>[^\]]+)\] from (?P<from>[\d.]+) was accepted"
)
_MOBILE = (
    r"\b(?P<sort>(?:Mobile|SSL|IKEv2) [\w ]+?) user (?P<user>\S+) logged in\. "
    r"Virtual IP address is (?P<virtual>[\d.]*\d)"
)
_GRANT = (
    r"\bDHCPACK on (?P<client>[\d.]+) to (?P<client_mac>(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2})"
    r"(?: \((?P<device>[^)]+)\))? via "
)
#: Alarms of a policy, which tell no verdict (3000-0167), of a list (3000-0168) or of a file (0F01-0015).
_ALARM = r"\bSource IP(?: Address)?: \S+ Source Port: |: Traffic detected from \S+ to "


class WatchguardFormat(LogFormat):
    """Reads WatchGuard Firebox logs."""

    name = "watchguard"
    help = (
        "WatchGuard Firebox (Fireware 11 to 12): connections, HTTP/HTTPS/DNS proxies, logins; LEEF and syslog"
    )
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = (
        "Enable `Send a log message for reports` in policies and proxy actions: only then are volumes "
        "and hosts logged."
    )
    marks = ("allow ", "deny ", 'msg_id="', "|watchguard|")
    claims = pl.col("line").str.contains(
        _LEEF
        + r'|\bmsg_id="[0-9A-F]{4}-[0-9A-F]{4}"'
        + r"|\b(?:Allow|Deny) .{1,60}?\b(?:tcp|udp) (?:\d+ \d+ )?[\d.]+ [\d.]+ \d+ \d+ .*\(\S.*\)\s*$"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection or request; logins as leases."""
        return layouts.read(
            lines,
            [
                (_LOGIN, _logins(_LOGIN)),
                (_ACCEPTED, _logins(_ACCEPTED)),
                (_MOBILE, _logins(_MOBILE)),
                (_GRANT, _grants),
                (_ALARM, layouts.set_aside(ALERT)),
                (_LEEF, _leef),
                (_SHOWN, _shown),
                (_ENDS, _plain),
                (r'\bsrc_ip="', _pairs),
                (pl.lit(True), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _mended(lines: pl.DataFrame) -> pl.Series:
    return (
        lines["line"]
        .str.replace_all("#011", "\t", literal=True)
        .str.replace(r"^.*?(\d\.\d\|WatchGuard\|)", "LEEF:$1")
    )


def _stamp(lines: pl.DataFrame) -> pl.Series:
    """The stamp behind the serial number, in UTC; the head of the line is local and has no year."""
    return lines["line"].str.extract(r"\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\) ") + "Z"


def _leef(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(_mended(lines), _FIELDS)
    return _rows(read.select(*_FIELDS), read["event"].str.replace("-", "", literal=True))


def _shown(lines: pl.DataFrame) -> pl.DataFrame:
    return _plain(lines, _SHOWN)


def _plain(lines: pl.DataFrame, pattern: str = _ENDS) -> pl.DataFrame:
    ends = patterns.read(lines["line"], pattern)
    number = (
        lines["line"].str.extract(r'msg_id="([0-9A-F]{4}-[0-9A-F]{4})"').str.replace("-", "", literal=True)
    )
    read = keyvalue.read(lines["line"], _FIELDS)
    shown = lines["line"].str.extract(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ")
    header = read["header"].str.extract(r"(?i)^Host: *([^\s\\:]+)")  # 1AFF-001B
    read = read.with_columns(time=pl.coalesce("time", _stamp(lines), shown), host=pl.coalesce("host", header))
    names = ("disp", "proto", "client", "server", "client_port", "port")
    return _rows(read.with_columns(*(ends[name] for name in names)), number)


def _pairs(lines: pl.DataFrame) -> pl.DataFrame:
    """What a collector has taken apart: every field a pair."""
    number = (
        lines["line"].str.extract(r'msg_id="([0-9A-F]{4}-[0-9A-F]{4})"').str.replace("-", "", literal=True)
    )
    return _rows(keyvalue.read(lines["line"], _FIELDS), number)


def _person(name: str) -> pl.Expr:
    """Without the authentication server, `ada@Firebox-DB`; a domain, `ada@corp.example`, stays."""
    return pl.col(name).str.replace(r"@[^@.]+$", "")


def _rows(fields: pl.DataFrame, number: pl.Series) -> pl.DataFrame:
    ended = (pl.lit(number) == "30000151").fill_null(False)
    measured = pl.col("up").is_not_null() | pl.col("down").is_not_null()
    asked = pl.col("query").is_not_null()
    web = pl.col("host").is_not_null()
    proto = pl.col("proto").str.to_lowercase().str.replace(r"^.*/", "")  # LEEF: `http/tcp`
    refused = pl.col("disp").str.contains("(?i)deny|drop|block").fill_null(False) | pl.col(
        "message"
    ).str.contains("^Proxy(?:Deny|Drop|Block)").fill_null(False)
    session = pl.concat_str(
        pl.col("serial").fill_null(""), "client", "client_port", "server", "port", separator="|"
    )
    return fields.select(
        time="time",
        duration_s=pl.col("duration").str.extract(r"^([\d.]+)"),
        at_end=ended,
        kind=one_of(
            {"dns": asked, "tls": web & pl.col("path").is_null() & pl.col("header").is_null(), "http": web},
            otherwise="flow",
        ),
        client="client",
        client_port="client_port",
        user_name=_person("user"),
        host=pl.when(asked).then("query").otherwise(pl.col("host").str.replace(r"^\*\.", "")),
        qtype="qtype",
        path="path",
        method=pl.when(pl.col("method").str.contains("^[A-Z]+$")).then("method"),
        user_agent="agent",
        server="server",
        server_port="port",
        transport=proto,
        bytes_up="up",
        bytes_down="down",
        action=one_of({"blocked": refused}, otherwise="allowed"),
        session=pl.when(~refused).then(session),
        phase=one_of({"end": ended, "update": measured, "name": web}, otherwise="begin"),
        reason=one_of({NO_CONNECTION: pl.col("client").is_null(), NO_PORTS: ~has_ports(proto)}),
    )


def _grants(lines: pl.DataFrame) -> pl.DataFrame:
    """Addresses the box's own DHCP server gave."""
    read = patterns.read(lines["line"], _GRANT)
    return read.with_columns(
        time=_stamp(lines),
        kind=pl.lit("lease"),
        origin=pl.lit("dhcp"),
        lease_s=pl.lit(dhcp.ASSUMED_S),
        confidence=pl.lit(dhcp.ASSUMED),
    )


def _logins(layout: str) -> layouts.Reader:
    def rows(lines: pl.DataFrame) -> pl.DataFrame:
        read = layouts.conformed(
            patterns.read(lines["line"], layout), ("sort", "user", "from", "virtual", "other")
        )
        tunnel = pl.col("virtual").is_not_null()
        outside = pl.col("other").is_not_null() | (pl.col("sort") != "firewall").fill_null(False)
        return read.select(
            time=_stamp(lines),
            kind=pl.lit("lease"),
            client=pl.coalesce("virtual", "from"),
            user_name=_person("user"),
            lease_s=pl.lit(WORKING_DAY_S),
            origin=one_of({"vpn": tunnel}, otherwise="directory"),
            # A tunnel's outer address is of the road, not of the network.
            reason=one_of({NO_CONNECTION: outside & ~tunnel}),
        )

    return rows
