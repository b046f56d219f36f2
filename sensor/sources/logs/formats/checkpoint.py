r"""Check Point Log Exporter: syslog (RFC 5424 pairs), CEF, LEEF, Splunk, generic, JSON; `fw log` text.

    [action:"Accept"; loguid:"{0x…}"; time:"1791280800"; src:"10.1.2.3"; s_port:"40000"; dst:"192.0.2.7";
    service:"443"; …]
    time=1791280800|hostname=gw|product=Firewall|action=Drop|…        CEF:0|Check Point|VPN-1 & FireWall-1|…
    "22" "6Oct2026" "10:00:00" "eth1" "gw" "Log" "Accept" "443" "40000" "10.1.2.3" "192.0.2.7" "tcp" …
    num;date;time;orig;type;action;alert;i/f_name;i/f_dir;product;…;src;s_port;dst;service;…      fw logexport

`service` is the destination port. `client_outbound_bytes` is what the client sent, `client_inbound_bytes`
what it got; `sent_bytes` and `received_bytes` of Application Control are the client's view. A connection has
several updates with one `loguid`, cumulative. A user reads `Lovelace, Ada (ada)`: the account stands in
brackets. Identity Awareness logins tell who has an address. Source: Check Point, "Log Exporter"; "Log fields"
(sk144192).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, commas, keyvalue, layouts, objects
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "time|rt|devTime|segment_time|lastupdatetime|Time",
    "uid": "loguid",
    "action": "action|act|Action|rule_action",
    "client": "src|client_ip|Source",
    "client_port": "s_port|spt|srcPort|sport_svc|sport|Source Port",
    "client_mac": "mac_address|smac|src_mac|mac_source_address",
    "server": "dst|Destination",
    "port": "service|dpt|dstPort|svc|Service",
    "proto": "proto|Protocol",
    "user": "src_user_name|user|suser|usrName|duser|Source User Name|User",
    "device": "src_machine_name|shost|identHostName|Source Machine Name",
    "url": "resource|request|url|Resource",
    "server_name": "tls_server_host_name|sni|web_server_name|dst_domain_name|http_host|host_name|"
    "destinationDnsDomain",
    "query": "dns_query|query_name",
    "qtype": "dns_type",
    "method": "method|requestMethod|web_method",
    "agent": "user_agent|requestClientApplication|web_client_type",
    "up": "client_outbound_bytes|server_inbound_bytes|sent_bytes|srcBytes",
    "down": "client_inbound_bytes|server_outbound_bytes|received_bytes|dstBytes",
    "cef_up": "out",
    "cef_down": "in",
    "packets_up": "client_outbound_packets|server_inbound_packets",
    "packets_down": "client_inbound_packets|server_outbound_packets",
    "elapsed": "elapsed|duration",
    "blade": "product|ProductName|Blade|Product",
    "family": "product_family|client_name",
    "office_ip": "office_mode_ip|assigned_IP|om_ip",
    "host_type": "identity_type",
    "site": "appi_name",
}
_QUOTED = [
    "",
    "day",
    "clock",
    "",
    "",
    "",
    "action",
    "port",
    "client_port",
    "client",
    "server",
    "proto",
    "",
    "",
    "",
    "user",
]
_PAIRS = r'\b(?:action|loguid|product|src|ifdir):"'
#: Exporters may be told to part these pairs by bars.
_BARRED = r'\b(?:action|loguid|product|src|ifdir):"[^"]*"\|'
#: As OPSEC LEA clients write it: `action="Block"; src="…"; product="URL Filtering"; …`.
_LEA = r'\bproduct=(?:"[^"]*"|[^";]*); \w+=|\b(?:action|src)="[^"]*"; .*\b(?:product|loguid|service_id)="'
_STRUCTURED = (
    r'^[^<]*\bProductName="[^"]*" |\bsport_svc="|\bloguid="\{[^"]*" .*\b(?:src|origin)="|\b(?:src|origin)'
    r'=".*\bloguid="\{|\bAction="\w+" UUid="|\borig="[^"]*" i/f_dir="'
)
_BARS = r"\bloguid=[^|]*\||\|product=[^|]*\|"
_BLANKS = r"\bloguid=\S+ .*\boriginsicname=|\borigin(?:sicname)?=\S+ .*\bloguid="
_OLD = (
    r"\b\d{1,2}[A-Z][a-z]{2}\d{4} \d\d:\d\d:\d\d (?P<action>\w+) \S+ [<>]\S+ .*\b(?:rule|"
    r"product|service_id|src): "
)
#: Records that belong to no connection's log have all this one: each stands for itself.
_NO_UID = r"^\{?0x0,0x0,0x0,0x0\}?$"
_QUOTES = r'^"\d+" "\d{1,2}[A-Z][a-z]{2}\d{4}" "[ \d]?\d:\d\d:\d\d" '


class CheckpointFormat(LogFormat):
    """Reads Check Point logs."""

    name = "checkpoint"
    help = "Check Point R77 to R82 Log Exporter: syslog, CEF, LEEF, Splunk, generic, JSON; fw log text"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Track rules as Detailed or Extended Log with accounting: plain Log has neither URLs nor volumes."
    )
    marks = (
        "check point|", "loguid", "product", "origin", "sequencenum", "service_id", "sport_svc", '" "',
        "rule: ", "src: ", 'uuid="', 'i/f_dir="', '"blade"',
    )  # fmt: skip
    claims = (
        # Others' events that some connector sends under this vendor's name.
        (cef.claims("Check Point") & ~pl.col("line").str.contains("|FalconHost|", literal=True))
        | (
            pl.col("line").str.contains(_PAIRS)
            & pl.col("line").str.contains(r'\b(?:loguid|origin|product|sequencenum):"')
        )
        | pl.col("line").str.contains(
            ascii_only("|".join((_LEA, _STRUCTURED, _BARS, _BLANKS, _QUOTES, _OLD.replace("?P<action>", ""))))
        )
        | pl.col("line").str.contains(r'^\s*\{.*"(?:loguid|originsicname)"\s*:')
        | objects.having("ifdir", "origin", "product", "sequencenum")
        | objects.having("Blade", "Origin", "Source", "Destination", "Service")
        | objects.having("Number", "Origin", "Source", "Destination", "Service")
        | objects.having("num", "orig", "i/f_name", "i/f_dir", "src", "dst")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per log (kind flow, http, tls or dns; lease)."""

        def pairs(separator: str = " ", equals: str = "=") -> layouts.Reader:
            # A line that was cut short is no syslog message: what is before its bracket is left.
            return lambda part: _rows(
                keyvalue.read(
                    part["line"].str.replace(r'^[^"]*\[(\w+:")', "$1"),
                    _FIELDS,
                    separator=separator,
                    equals=equals,
                )
            )

        return layouts.read(
            lines,
            [
                (r"^\s*\{", _of_objects),
                (
                    r"CEF:|LEEF:|^\s*0\|",
                    _from_cef,
                ),
                (_QUOTES, _quoted),
                (_BARRED, pairs(separator="|", equals=":")),
                (_PAIRS, pairs(separator=";", equals=":")),
                (_LEA, pairs(separator=";")),
                (_OLD, _old),
                (_BARS, pairs(separator="|")),
                (_STRUCTURED, pairs()),
                (pl.lit(True), lambda part: _rows(keyvalue.read(part["line"], _FIELDS, spaced=True))),
            ],
        )


def _from_cef(lines: pl.DataFrame) -> pl.DataFrame:
    """A LEEF head is named after the verdict; CEF's own byte counts are filled where one of them is not 0."""
    read = cef.read(lines["line"], _FIELDS)
    filled = (pl.col("cef_up") != "0") | (pl.col("cef_down") != "0")
    return _rows(
        read.with_columns(
            action=pl.coalesce("action", "event"),
            up=pl.coalesce("up", pl.when(filled).then("cef_up")),
            down=pl.coalesce("down", pl.when(filled).then("cef_down")),
        )
    )


def _of_objects(lines: pl.DataFrame) -> pl.DataFrame:
    """JSON, and the tables of `fw logexport` and SmartView Tracker, which tell the day apart."""
    read = objects.read(lines["line"], {**_FIELDS, "day": "date|Date"})
    stamp = pl.concat_str("day", "time", separator=" ")
    is_apart = pl.col("day").str.contains(r"^\d{1,2}[A-Z][a-z]{2}\d{4}$")
    return _rows(read.with_columns(time=pl.when(is_apart).then(stamp).otherwise("time")))


def _quoted(lines: pl.DataFrame) -> pl.DataFrame:
    read = commas.read(lines["line"], _QUOTED, separator=" ")
    stamp = pl.concat_str("day", "clock", separator=" ")
    return _rows(layouts.conformed(read.with_columns(time=stamp), _FIELDS))


def _old(lines: pl.DataFrame) -> pl.DataFrame:
    """`6Oct2026 10:00:00 accept gw >eth0 src: …; dst: …;`."""
    read = keyvalue.read(lines["line"], _FIELDS, separator=";", equals=":")
    action = lines["line"].str.extract(_OLD)
    stamp = lines["line"].str.extract(r"(\d{1,2}[A-Z][a-z]{2}\d{4} \d\d:\d\d:\d\d)")
    return _rows(read.with_columns(action=action, time=pl.lit(stamp)))


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    url = pl.col("url")
    read = fields.with_columns(
        is_lease=_is_holder().fill_null(False),
        is_lookup=pl.col("query").is_not_null(),
        is_whole=url.str.contains(r"^[A-Za-z]+://|^[^/\s]+\.[^/\s]+").fill_null(False),
        tls_host=url.str.extract("^https://([^/]+)/?$"),
        # SmartConsole's tables say `https (TCP/443)`.
        proto=pl.coalesce("proto", pl.col("port").str.extract(r"\((\w+)/\d+\)$"))
        .str.to_lowercase()
        .str.extract(r"^(\w+)"),
        port=pl.col("port").str.extract(r"^(?:.*\(\w+/)?(\d+)\)?$"),
    )
    return read.select(**_holder(), **_what(), **_request(), **_volume(), action=_action(), reason=_reason())


def _is_login() -> pl.Expr:
    """Identity Awareness knows who or which machine has an address."""
    told = pl.col("action").is_in(["Log In", "Update", "Log Out"])
    return (pl.col("blade") == "Identity Awareness") & told


def _is_holder() -> pl.Expr:
    """Such a login, or a remote user's address in the office (office mode)."""
    account = pl.coalesce("user", pl.when(_is_login()).then("device"))
    return (_is_login() | pl.col("office_ip").is_not_null()) & account.is_not_null()


def _is_flow() -> pl.Expr:
    named = pl.col("is_whole") | pl.col("server_name").is_not_null()
    return ~pl.col("is_lease") & ~pl.col("is_lookup") & ~named


def _holder() -> dict[str, pl.Expr]:
    """Who had the address, and for logins and tunnels how long."""
    lease = pl.col("is_lease")
    # `(+)` stands behind an account that was known before.
    user = pl.col("user").str.strip_chars(" ").str.replace(r"\s*\(\+\)$", "")
    return {
        "client": pl.when(lease).then(pl.coalesce("office_ip", "client")).otherwise("client"),
        "client_port": pl.col("client_port"),
        "client_mac": pl.col("client_mac"),
        "user_name": pl.coalesce(user.str.extract(r"\(([^()]+)\)$"), user.str.extract(r"^([^;(]+)")),
        "device": pl.col("device").str.extract(r"^([^@\s]+)"),
        "roams": pl.col("family").str.contains("(?i)endpoint|harmony"),
        "lease_s": pl.when(lease).then(HALF_DAY_S),
        "closes": lease & (pl.col("action") == "Log Out").fill_null(False),
        "origin": one_of({"vpn": pl.col("office_ip").is_not_null()}, otherwise="directory"),
    }


def _what() -> dict[str, pl.Expr]:
    whole, encrypted = pl.col("is_whole"), pl.col("tls_host").is_not_null()
    kinds = {
        "lease": pl.col("is_lease"),
        "dns": pl.col("is_lookup"),
        "http": whole & ~encrypted,
        "tls": whole | pl.col("server_name").is_not_null(),
    }
    return {
        # Where several logs became one, each has its time.
        "time": pl.col("time")
        .str.replace(r"^\[\s*\"?(\d+).*$", "$1")
        .str.replace(r"^(\d{10})\d{3}$", "$1")
        .str.replace(r"^ ?(\d{1,2})([A-Z][a-z]{2})(\d{4}) ", "$1-$2-$3 "),
        "duration_s": pl.when(pl.col("elapsed") != "0").then("elapsed"),
        "kind": one_of(kinds, otherwise="flow"),
        "server": pl.col("server"),
        "server_port": pl.col("port"),
        "transport": pl.col("proto"),
    }


def _request() -> dict[str, pl.Expr]:
    """What was asked for; URL filtering names sites it has no application for by their domain."""
    whole, asked, encrypted = pl.col("is_whole"), pl.col("is_lookup"), pl.col("tls_host").is_not_null()
    site = pl.when(pl.col("site").str.contains(r"^[a-z0-9-]+(?:\.[a-z0-9-]+)+$")).then("site")
    named = pl.when(~whole).then(pl.coalesce("server_name", site))
    return {
        "url": pl.when(~asked & whole & ~encrypted).then("url"),
        "host": pl.when(asked).then("query").when(encrypted).then("tls_host").otherwise(named),
        "qtype": pl.col("qtype"),
        "name_from": one_of({"url": _is_flow() & site.is_not_null()}),
        "path": pl.when(~whole & pl.col("url").str.starts_with("/")).then("url"),
        "method": pl.col("method"),
        "user_agent": pl.col("agent"),
    }


def _volume() -> dict[str, pl.Expr]:
    """Bytes so far: each record of a connection tells all of them."""
    return {
        "bytes_up": pl.col("up"),
        "bytes_down": pl.col("down"),
        "packets_up": pl.col("packets_up"),
        "packets_down": pl.col("packets_down"),
        "session": pl.when(~pl.col("is_lease") & ~pl.col("uid").str.contains(_NO_UID)).then("uid"),
        "phase": pl.lit("update"),
    }


def _action() -> pl.Expr:
    passed = "(?i)^(?:de|en)crypt|^https|^inform|^ask|^key|^author|^inspect|^log"
    # Led to a portal, which says no or asks who it is.
    redirected = pl.col("action").str.contains("(?i)^redirect")
    return one_of(
        {"allowed": pl.col("action").str.contains(passed), "blocked": redirected}, otherwise=pl.col("action")
    )


def _reason() -> pl.Expr:
    """Negotiations of keys (IKE) name two gateways, and neither protocol nor service."""
    lease, proto = pl.col("is_lease"), pl.col("proto")
    other = ~lease & ~pl.col("is_lookup") & ~pl.col("is_whole")
    negotiated = _is_flow() & proto.is_null() & pl.col("port").is_null()
    return one_of(
        {
            FAILED_SIGN_IN: lease & pl.col("action").str.contains("(?i)^fail|^reject"),
            NO_CONNECTION: other & (pl.col("server").is_null() | negotiated),
            NO_PORTS: other & ~has_ports(proto),
        }
    )
