r"""Netskope: transaction logs (space separated or CSV, fixed order), events and alerts as JSON, CEF.

    2026-10-06 10:00:00 33 5937 485 6422 10.1.2.3 192.0.2.7 "ada@corp.example" POST https - "Mozilla…" …

Transactions: field 4 `cs-bytes` sent, 5 `sc-bytes` received, 7 the egress, 44 the client's own address, 18
host, 54 SNI, 82 whether TLS inspection let the client go on, 138 what the policy decided. A file with
`#Fields:` is read as W3C extended log.

Events: `client_bytes` sent, `server_bytes` received; page and connection events carry them, application
events and alerts speak of the same browsing and carry zeros, which are no counts. `userip` is the client's
own address, `srcip` its egress. Times are UTC. Source: Netskope, "Transaction Events Fields", "REST API v2";
Cloud Exchange, default mappings for syslog and ArcSight.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, commas, layouts, objects
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_SERVICE
from sensor.sources.logs.text.words import one_of

#: Fields of a transaction by position (1-based).
_PLACES = {
    1: "date", 2: "clock", 3: "taken", 4: "up", 5: "down", 7: "egress", 8: "server", 9: "user", 10: "method",
    11: "scheme", 13: "agent", 15: "status", 18: "host", 19: "uri", 20: "port", 40: "device_kind",
    44: "inner",
    54: "sni", 62: "bypassed", 82: "engine", 99: "source", 105: "server_seen", 138: "action",
}  # fmt: skip
_TRANSACTION = [_PLACES.get(place, "") for place in range(1, max(_PLACES) + 1)]
#: The same of transactions as objects (Cloud Exchange, log streaming), whose names are the fields'.
_NAMED = {
    "date": "date", "clock": "time", "taken": "time-taken", "up": "cs-bytes", "down": "sc-bytes",
    "egress": "c-ip", "server": "s-ip", "user": "cs-username", "method": "cs-method",
    "scheme": "cs-uri-scheme", "agent": "cs-user-agent", "status": "sc-status", "host": "cs-host",
    "uri": "cs-uri", "port": "cs-uri-port", "device_kind": "x-c-device", "inner": "x-cs-userip",
    "sni": "x-cs-sni", "bypassed": "x-ssl-bypass", "source": "x-cs-src-ip",
    "server_seen": "x-cs-dst-ip", "action": "x-policy-action", "engine": "x-cs-ssl-engine-action",
}  # fmt: skip
_NAMED_KEYS = ("x-cs-userip", "cs-host")
_SPACED = (
    r'^"?\d{4}-\d\d-\d\d"? "?\d\d:\d\d:\d\d"? (?:\d+|-) (?:\d+|-) (?:\d+|-) (?:\d+|-) '
    r"[0-9a-fA-F.:]+ [0-9a-fA-F.:-]+ "
)
_COMMAS = (
    r'^"?\d{4}-\d\d-\d\d"?,"?\d\d:\d\d:\d\d"?(?:,"?(?:\d+|-)"?){4},"?[0-9a-fA-F.:]+"?,"?[0-9a-fA-F.:-]+"?,'
)
_EVENT = {
    "time": "timestamp|@timestamp|_insertion_epoch_timestamp|netskope.events.timestamp",
    "begun": "start_time",
    "over": "end_time",
    "type": "type|netskope.events.type|netskope.alerts.type",
    "record": "record_type|_category_name|netskope.events.event_type",
    "inner": "userip|user_ip|netskope.events.user.ip|netskope.alerts.user.ip",
    "egress": "srcip|src_ip|source.ip",
    "client_port": "srcport|src_port|source.port",
    "user": "user|ur_normalized|userkey|from_user",
    "device": "hostname|host.hostname|host.name|device_name",
    "url": "url|netskope.events.url|netskope.alerts.url",
    "page": "page|netskope.events.page|netskope.alerts.page",
    "host": "dsthost|dst_host|domain|netskope.events.domain|destination.domain",
    "server": "dstip|dst_ip|destination.ip",
    "port": "dstport|dst_port|destination.port",
    "up": "client_bytes|client.bytes",
    "down": "server_bytes|server.bytes",
    "packets_up": "client_packets|client.packets",
    "packets_down": "server_packets|server.packets",
    "duration": "conn_duration|session_duration",
    "protocol": "ip_protocol|netskope.events.ip.protocol",
    "agent": "useragent|user_agent.original",
    "action": "action|event.action|netskope.alerts.action",
    "access": "access_method|netskope.events.access_method|netskope.alerts.access_method",
    "method": "req_method|http_method",
    "status": "resp_status|http_status",
}
#: Cloud Exchange's default mappings for CEF: `in` is what the client sent. Of events `act` is what was done,
#: `requestClientApplication` the service, and `shost` a name that was asked for.
_CEF = {
    "time": "rt|timestamp", "begun": "start", "over": "end", "inner": "userip", "egress": "src|srcip",
    "client_port": "spt", "user": "suser|duser", "device": "hostname", "url": "request|url", "page": "page",
    "host": "dhost|shost", "server": "dst|dstip", "port": "dpt", "protocol": "proto",
    "access": "accessMethod", "up": "clientBytes|client_bytes|in", "down": "serverBytes|server_bytes|out",
    "packets_up": "clientPackets", "packets_down": "serverPackets", "action": "action", "did": "act",
}  # fmt: skip
#: The same for transactions, whose `suser` is the account at the service.
_CEF_TRANSACTION = {
    "date": "rt", "taken": "cn1", "up": "in", "down": "out", "egress": "src", "server": "dst",
    "user": "duser", "method": "requestMethod", "agent": "requestClientApplication", "host": "dvchost|dhost",
    "uri": "request", "port": "dpt", "action": "act",
}  # fmt: skip
#: Events of what was let through, unless they say otherwise; alerts are of either.
_PASSED = ("page", "application", "connection", "network")
_VERDICT = "(?i)^(?:allow|block|bypass|alert|useralert|csralert|isolate|proceed|cancel)"
_OBJECT = r"^\s*\{"


class NetskopeFormat(LogFormat):
    """Reads Netskope transactions, events and alerts."""

    name = "netskope"
    help = (
        "Netskope: transaction logs (space, CSV), page/application/connection/network events, alerts "
        "(JSON, CEF)"
    )
    vantage = "proxy"
    usual_zone = "UTC"
    is_stateless = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Export page (or transaction) events: alerts and application events carry no volumes."
    claims = (
        pl.col("line").str.contains(ascii_only(f"{_SPACED}|{_COMMAS}"))
        | cef.claims("Netskope")
        | objects.having(*_NAMED_KEYS)
        | (
            pl.col("line").str.contains(_OBJECT)
            & (
                pl.col("line").str.contains(r'"netskope"\s*:\s*\{\s*"(?:events|alerts)"')
                | (
                    pl.col("line").str.contains(
                        r'"(?:ccl|ur_normalized|access_method|organization_unit)"\s*:'
                    )
                    & pl.col("line").str.contains(
                        r'"(?:srcip|userip|appcategory|traffic_type|audit_log_event|src_ip)"\s*:'
                    )
                )
            )
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per transaction or event."""
        return layouts.read(
            lines,
            [
                (
                    objects.having(*_NAMED_KEYS),
                    lambda part: _transactions(objects.read(part["line"], _NAMED)),
                ),
                (_OBJECT, lambda part: _events(objects.read(part["line"], _EVENT))),
                (r"\|Netskope\|WebTX\|", _cef_transactions),
                (r"(?:CEF|LEEF):|\|Netskope\|", _cef_events),
                (_COMMAS, lambda part: _transactions(commas.read(part["line"], _TRANSACTION))),
                (
                    pl.lit(True),
                    lambda part: _transactions(commas.read(part["line"], _TRANSACTION, separator=" ")),
                ),
            ],
        )


def _told(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars(' "')
    return pl.when(~text.is_in(["-", "", "0", "N/A", "NotChecked", "NotAvailable", "null", "unknown"])).then(
        text
    )


def _person(*names: str) -> pl.Expr:
    """An account; where nobody is known Netskope writes the address."""
    name = pl.coalesce(*(_told(name) for name in names))
    # Elastic's integration nests what was one name: `{"email": {"1": …}}`.
    name = pl.when(name.str.starts_with("{")).then(name.str.extract(r'"1":\s*"([^"]+)"')).otherwise(name)
    return pl.when(~name.str.contains(r"^\d+\.\d+\.\d+\.\d+$")).then(name)


def _transactions(fields: pl.DataFrame) -> pl.DataFrame:
    bypassed = (pl.col("bypassed") == "Yes") & _told("method").is_null()
    return fields.select(
        time=pl.concat_str("date", "clock", separator=" "),
        duration_s=pl.col("taken").cast(pl.Float64, strict=False) / 1000,
        at_end=pl.lit(True),
        kind=pl.lit("proxy"),
        client=pl.coalesce(_told("inner"), _told("source"), _told("egress")),
        user_name=_person("user"),
        host=pl.coalesce(_told("host"), _told("sni")),
        name_from=one_of({"sni": _told("host").is_null()}, otherwise="url"),
        path=pl.when(~bypassed & pl.col("uri").str.starts_with("/")).then("uri"),
        method=_told("method"),
        status=_told("status"),
        user_agent=_told("agent"),
        server=pl.coalesce(_told("server_seen"), _told("server")),
        server_port=_told("port"),
        transport=pl.lit("tcp"),
        bytes_up="up",
        bytes_down="down",
        # No policy is asked about a handshake that inspection ends.
        action=pl.coalesce(
            _told("action"), one_of({"block": _told("engine") == "Block"}, otherwise="allow")
        ).str.extract(r"^([a-z]+)"),
    )


def _cef_transactions(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], _CEF_TRANSACTION)
    stamp = pl.col("date").str.extract_groups(r"^(?<date>[\d-]{10})[T ](?<clock>[\d:]{8})").struct
    told = read.with_columns(date=stamp.field("date"), clock=stamp.field("clock"))
    return _transactions(layouts.conformed(told, _PLACES.values()))


def _cef_events(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], _CEF)
    event = pl.col("event").str.to_lowercase()
    did = pl.when(pl.col("did").str.contains(_VERDICT)).then("did")
    silent = pl.when(~event.is_in(_PASSED)).then(pl.lit("untold"))
    told = read.with_columns(type=event, record=event, action=pl.coalesce("action", did, silent))
    return _events(layouts.conformed(told, _EVENT))


def _events(fields: pl.DataFrame) -> pl.DataFrame:
    kind, record = pl.col("type").str.to_lowercase(), pl.col("record").str.to_lowercase()
    whole = pl.coalesce(kind.is_in(["page", "connection", "network", "incident"]), pl.lit(False))
    measured = whole | (
        record.is_in(["page", "connection", "network"]) & ~record.is_in(["alert", "application"])
    )
    is_flow = (kind == "network").fill_null(False)
    page = pl.when(pl.col("page").str.contains(r"^[^\s/]+\.[^\s/]+")).then(pl.col("page"))
    url = pl.when(pl.col("url").str.contains(r"\.|://")).then(pl.col("url").str.replace_all(r"\\\\?/", "/"))
    at_rest = kind.is_in(["admin_audit_logs", "infrastructure"]) | record.is_in(["audit", "infrastructure"])
    return fields.select(
        time=pl.coalesce(_told("begun"), "time"),
        ended=_told("over"),
        # `session_duration` may be that of the tunnel around it.
        duration_s=pl.when(_told("over").is_null() & (pl.col("duration") != "0")).then("duration"),
        kind=one_of({"flow": is_flow}, otherwise="proxy"),
        client=pl.coalesce(_told("inner"), _told("egress")),
        client_port=_told("client_port"),
        user_name=_person("user"),
        device=_told("device"),
        url=pl.coalesce(url, page),
        host=pl.when(url.is_null() & page.is_null()).then(_told("host")),
        name_from=one_of({"url": url.is_null() & page.is_null()}),
        method=_told("method"),
        status=_told("status"),
        user_agent=_told("agent"),
        server=_told("server"),
        server_port=_told("port"),
        transport=pl.when(is_flow).then("protocol").otherwise(pl.lit("tcp")),
        bytes_up=pl.when(measured | (pl.col("up") != "0")).then("up"),
        bytes_down=pl.when(measured | (pl.col("down") != "0")).then("down"),
        packets_up=_told("packets_up"),
        packets_down=_told("packets_down"),
        # A user who was warned, and policies that only alert, let the request through.
        action=pl.coalesce(_told("action"), pl.lit("allow")).str.replace(r"^(?:user|csr)alert.*$", "alert"),
        # What a service's own interface tells of its files, whenever they are looked through.
        reason=one_of({NO_SERVICE: at_rest, NO_CONNECTION: pl.col("access") == "API Connector"}),
    )
