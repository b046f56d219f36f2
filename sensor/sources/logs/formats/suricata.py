"""Suricata EVE: dns (v1 to v3), tls, quic, http, flow, netflow, alert; dhcp, krb5, smb (NTLM) as leases.

One connection appears as a naming event (tls, quic, http, at its beginning) and a flow event (at its
end) with one `flow_id`: the naming events open the session, the flow event brings its volume.
Counters inside other events (`flow{}` of an alert) are counts so far: sessions.py makes differences of them.

Volume: `bytes_toserver`, `bytes_toclient` include headers. Source: Suricata User Guide, EVE JSON format.
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.rows.headers import Layer
from sensor.sources.logs.text import dhcp, lookups, objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_HOLDER, NO_SERVICE, NO_SNI, NOT_A_QUERY
from sensor.sources.logs.text.words import one_of

_SCALARS = (
    *(
        "timestamp",
        "flow_id",
        "event_type",
        "src_ip",
        "src_port",
        "dest_ip",
        "dest_port",
        "proto",
        "ether.src_mac",
    ),
    *("dns.type", "dns.rrname", "dns.rrtype", "dns.rcode", "dns.rdata", "dns.ttl", "dns.id", "dns.opcode"),
    *("tls.sni", "tls.subject", "tls.ja4", "quic.sni", "quic.ja4", "quic.ua"),
    *("http.hostname", "http.url", "http.http_method", "http.http_user_agent", "http.status", "http.length"),
    # logged where `custom: [server]` stands in the http section of eve-log
    "http.server",
    *("flow.start", "flow.end", "flow.state", "flow.bytes_toserver", "flow.bytes_toclient"),
    *("flow.pkts_toserver", "flow.pkts_toclient", "flow.action", "alert.action"),
    "verdict.action",
    *("netflow.start", "netflow.end", "netflow.bytes", "netflow.pkts"),
    *(
        "dhcp.type",
        "dhcp.dhcp_type",
        "dhcp.assigned_ip",
        "dhcp.client_mac",
        "dhcp.hostname",
        "dhcp.lease_time",
    ),
    *("krb5.msg_type", "krb5.cname", "krb5.error_code"),
    *("smb.command", "smb.status", "smb.ntlmssp.user", "smb.ntlmssp.domain", "smb.ntlmssp.host"),
)
_LISTS = (
    "dns.queries[].rrname",
    "dns.queries[].rrtype",
    "dns.answers[].rdata",
    "dns.grouped.A",
    "dns.grouped.AAAA",
)
#: Events that say who has an address.
_HOLDERS = ("dhcp", "krb5", "smb")
#: DNS, DNS over TLS, mDNS, LLMNR
_RESOLVERS = ("53", "853", "5353", "5355")


#: The event types of Suricata 3 to 8: other products write `event_type`, too, with words of their own.
_TYPES = (
    "alert|anomaly|arp|bittorrent_dht|dcerpc|dhcp|dnp3|dns|doh2|drop|engine|enip|ethernet|fileinfo|files?|flow|"
    "frame|ftp|ftp_data|http|http2|ike|ikev2|krb5|ldap|llmnr|lua|mdns|metadata|modbus|mqtt|netflow|nfs|"
    "packetinfo|pgsql|pop3|quic|rdp|rfb|sip|smb|smtp|snmp|ssh|stats|stream|tftp|tls|websocket"
)


class SuricataFormat(LogFormat):
    """Reads Suricata's eve.json."""

    name = "suricata"
    help = "Suricata EVE JSON: dns v1-v3, tls, quic, http, flow, netflow, alert, dhcp, krb5, smb; 4.0 to 8"
    vantage = "packets"
    counts_headers: ClassVar[Layer | None] = "frame"
    proof = ("host", "path", "device", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint")
    advice = (
        "Suricata logs volume in flow events: add `- flow` to the types of eve-log, and "
        "`- tls: {extended: yes}`, `- quic`."
    )
    marks = ('"event_type"',)
    claims = (
        pl.col("line").str.contains(r"^\s*\{")
        & pl.col("line").str.contains(rf'"event_type"\s*:\s*"(?:{_TYPES})"')
        & pl.col("line").str.contains(r'"timestamp"\s*:\s*"\d{4}-\d\d-\d\dT')
        & pl.col("line").str.contains(r'"(?:flow_id|pcap_cnt|in_iface|uptime|proto)"\s*:')
        & ~pl.col("line").str.contains('"firewall_name"', literal=True)
    )
    #: where the event lies inside the object, for products that wrap it
    below = ""

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        parts = [self._told(event) for event in _events(lines["line"], self.below)]
        return pl.concat(parts).sort("row").drop("row") if len(parts) > 1 else parts[0].drop("row")

    def _told(self, event: pl.DataFrame) -> pl.DataFrame:
        kind = pl.col("event_type")
        asks = kind.is_in(["dns", "mdns", "llmnr"]) | (
            kind.is_in(["alert"]) & pl.col("dns.type").is_not_null()
        )
        event = event.with_columns(asks=asks.fill_null(False)).with_columns(self._turned())
        told = event.select("row", "asks", **_who(), **_what(), **_volume(), **_leases(), reason=_reason())
        told = told.with_columns(answers=_answers(event))
        led = lookups.led(pl.col("answers"), pl.col("action"))
        if not told.select((pl.col("asks") & (led == "blocked")).any()).item():
            return told.drop("asks")  # nearly always
        answer = event["dns.type"].is_in(["answer", "response"]).fill_null(False).alias("answer")
        # Failures of version 1 name no type; the session has the id.
        return lookups.paired(told.with_columns(answer), ("session", "host")).drop("answer", "asks")

    def _turned(self) -> pl.Expr:
        """The record's source is the server: answers, in some versions, and DHCP and Kerberos replies."""
        return (
            (
                pl.col("src_port").is_in([*_RESOLVERS, "67", "88"])
                & ~pl.col("dest_port").is_in(_RESOLVERS).fill_null(False)
            )
            .fill_null(False)
            .alias("turned")
        )


#: Fields of the commonest events; asking each for its own alone is twice as fast as asking all for all.
_EVERY = _SCALARS[:9]
_COMMON: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "flow": ((*_EVERY, *(name for name in _SCALARS if name.startswith("flow."))), ()),
    "dns": ((*_EVERY, *(name for name in _SCALARS if name.startswith("dns."))), _LISTS),
    "tls": (
        (*_EVERY, *(name for name in _SCALARS if name.startswith(("tls.", "flow.bytes_", "flow.pkts_")))),
        (),
    ),
}


def _events(lines: pl.Series, below: str) -> list[pl.DataFrame]:
    """All of `_SCALARS` and `_LISTS`, and the line's number `row`, a frame for each common type of events and
    one for all others; NULL where an event of that type has no such field."""
    kind = lines.str.extract(r'"event_type"\s*:\s*"(\w+)"')
    whole = pl.DataFrame(
        {"line": lines, "kind": kind.zip_with(kind.is_in(list(_COMMON)), kind.clear(len(kind)))}
    )
    whole = whole.with_row_index("row")
    parts = []
    for (name,), part in whole.group_by("kind", maintain_order=True) if len(lines) else [((None,), whole)]:
        scalars, lists = _COMMON.get(str(name), (_SCALARS, _LISTS))
        read = objects.read(
            part["line"], [below + one for one in scalars], lists=[below + one for one in lists]
        )
        event = read.rename(lambda column: column.removeprefix(below)).with_columns(_others(scalars, lists))
        parts.append(event.insert_column(0, part["row"]))
    return parts


@cache
def _others(scalars: tuple[str, ...], lists: tuple[str, ...]) -> tuple[pl.Expr, ...]:
    """Those of `_SCALARS` and `_LISTS` that are not asked for: NULL."""
    others = [pl.lit(None, pl.String).alias(one) for one in _SCALARS if one not in scalars]
    others += [pl.lit(None, pl.List(pl.String)).alias(one) for one in _LISTS if one not in lists]
    return tuple(others)


#: Below: made once, as building expressions takes a tenth of a block's time.


@cache
def _who() -> dict[str, pl.Expr]:
    turned = pl.col("turned")
    begun = pl.coalesce("flow.start", "netflow.start", "timestamp")
    flows = pl.col("event_type").is_in(["flow", "netflow"])
    here, there = ("src_ip", "src_port"), ("dest_ip", "dest_port")
    return {
        "time": pl.when(flows).then(begun).otherwise("timestamp"),
        "client": pl.when(pl.col("event_type") == "dhcp")
        .then("dhcp.assigned_ip")
        .when(turned)
        .then(there[0])
        .otherwise(here[0]),
        "client_port": pl.when(turned).then(there[1]).otherwise(here[1]),
        "client_mac": pl.coalesce("dhcp.client_mac", pl.when(~turned).then("ether.src_mac")),
        "server": pl.when(turned).then(here[0]).otherwise(there[0]),
        "server_port": pl.when(turned).then(here[1]).otherwise(there[1]),
        "transport": pl.col("proto"),
    }


@cache
def _what() -> dict[str, pl.Expr]:
    kind = pl.col("event_type")
    asked = pl.coalesce("dns.rrname", pl.col("dns.queries[].rrname").list.first())
    absolute = pl.col("http.url").str.contains(r"^[a-z]{2,6}://") | (pl.col("http.http_method") == "CONNECT")
    certificate = pl.col("tls.subject").str.extract(r"(?:^|, ?)CN=(?:\*\.)?([^,]+)")
    blocked = (
        (pl.col("alert.action") == "blocked")
        | (pl.col("flow.action") == "drop")
        # What became of the packet: another rule than the alert's may have dropped it.
        | (pl.col("verdict.action") == "drop")
        | (lookups.verdict(pl.col("dns.rcode")) == "blocked")
    )
    unanswered = (kind == "flow") & (pl.col("flow.state") == "new") & (pl.col("flow.bytes_toclient") == "0")
    named = pl.coalesce(pl.when(pl.col("asks")).then(asked), "tls.sni", "quic.sni", "http.hostname")
    return {
        "kind": one_of(
            {
                "lease": kind.is_in(_HOLDERS),
                "dns": pl.col("asks"),
                "flow": kind.is_in(["flow", "netflow"]),
                "quic": pl.col("quic.sni").is_not_null() | (kind == "quic"),
                "http": pl.col("http.hostname").is_not_null() | (kind == "http"),
            },
            otherwise="tls",
        ),
        "action": one_of({"blocked": blocked, "reset": unanswered}, otherwise="allowed"),
        "host": pl.when(~absolute.fill_null(False)).then(pl.coalesce(named, certificate)),
        "name_from": one_of({"certificate": named.is_null() & certificate.is_not_null()}),
        "url": pl.when(absolute).then("http.url"),
        "path": pl.when(pl.col("http.url").str.starts_with("/")).then("http.url"),
        # An alert repeats the request that its http event tells.
        "method": pl.when(kind != "alert").then("http.http_method"),
        "status": pl.col("http.status"),
        "software": "server: " + pl.col("http.server").str.to_lowercase(),
        "user_agent": pl.coalesce("http.http_user_agent", "quic.ua"),
        "ja4": pl.coalesce("tls.ja4", "quic.ja4"),
        "ttl_s": pl.col("dns.ttl"),
        "qtype": pl.coalesce("dns.rrtype", pl.col("dns.queries[].rrtype").list.first()),
    }


def _answers(event: pl.DataFrame) -> pl.Series:
    """The addresses each lookup tells, NULL for other events; lists are costly, and few have any."""
    if not event["asks"].any():
        return pl.Series([None], dtype=pl.List(pl.String)).new_from_index(0, event.height)
    addresses = [pl.col(name).fill_null([]) for name in _LISTS[2:]]
    single = pl.when(pl.col("dns.rrtype").is_in(["A", "AAAA"])).then("dns.rdata")
    some = pl.any_horizontal(pl.col(name).is_not_null() for name in (*_LISTS[2:], "dns.rdata"))
    places = event.select((pl.col("asks") & some).arg_true()).to_series()
    told = (
        event[places]
        .select(pl.concat_list(*addresses, single).list.drop_nulls().list.unique(maintain_order=True))
        .to_series()
    )
    none = pl.Series([[]], dtype=pl.List(pl.String))
    order = event.select(pl.when("asks").then(len(told)).cast(pl.Int64)).to_series()
    return pl.concat([told, none]).gather(order.scatter(places, pl.int_range(len(told), eager=True)))


@cache
def _volume() -> dict[str, pl.Expr]:
    """Volume of flows and counts so far; a response's body size is part of them."""
    is_flow = pl.col("event_type") == "flow"
    lookup = pl.concat_str("flow_id", "dns.id", separator="|", ignore_nulls=True)
    return {
        "ended": pl.when(pl.col("event_type").is_in(["flow", "netflow"])).then(
            pl.coalesce("flow.end", "netflow.end")
        ),
        "bytes_up": pl.coalesce("flow.bytes_toserver", "netflow.bytes"),
        "bytes_down": pl.col("flow.bytes_toclient"),
        "packets_up": pl.coalesce("flow.pkts_toserver", "netflow.pkts"),
        "packets_down": pl.col("flow.pkts_toclient"),
        "one_way": pl.col("event_type") == "netflow",
        "session": pl.when(pl.col("asks"))
        .then(lookup)
        .when(pl.col("event_type") != "netflow")
        .then("flow_id"),
        "phase": one_of(
            {"end": is_flow, "update": pl.col("flow.bytes_toserver").is_not_null()}, otherwise="name"
        ),
    }


@cache
def _leases() -> dict[str, pl.Expr]:
    kerberos = pl.col("event_type") == "krb5"
    signs_in = pl.col("event_type").is_in(["krb5", "smb"])
    domain = pl.when(pl.col("smb.ntlmssp.domain") != "").then("smb.ntlmssp.domain")
    ntlm = pl.concat_str(pl.concat_str(domain, pl.lit("\\")).fill_null(""), "smb.ntlmssp.user")
    return {
        "device": pl.coalesce(
            "dhcp.hostname",
            "smb.ntlmssp.host",
            pl.when(kerberos).then(pl.col("krb5.cname").str.extract(r"^(?:host/)?([^$/]+)\$$")),
        ),
        "user_name": pl.when(kerberos & ~pl.col("krb5.cname").str.contains(r"\$$|/"))
        .then("krb5.cname")
        .otherwise(ntlm),
        "lease_s": pl.when(signs_in)
        .then(WORKING_DAY_S)
        .when(pl.col("dhcp.lease_time").is_null())
        .then(dhcp.ASSUMED_S)
        .otherwise(dhcp.length(pl.col("dhcp.lease_time"))),
        "origin": one_of({"directory": signs_in}, otherwise="dhcp"),
    }


@cache
def _reason() -> pl.Expr:
    kind = pl.col("event_type")
    ours = kind.is_in(["tls", "quic", "http", "http2", "flow", "netflow"]) | pl.col("asks")
    names = pl.coalesce("tls.sni", "quic.sni", "http.hostname", "dns.rrname").is_not_null()
    acknowledged = pl.col("dhcp.dhcp_type") == "ack"
    granted = pl.col("krb5.msg_type").is_in(["KRB_AS_REP", "KRB_TGS_REP"])
    # The first answer of NTLM asks for more: STATUS_MORE_PROCESSING_REQUIRED.
    signed_in = (
        pl.col("smb.command").str.contains("SESSION_SETUP")
        & (pl.col("smb.status") == "STATUS_SUCCESS")
        & (pl.col("smb.ntlmssp.user") != "")
    )
    return one_of(
        {
            NOT_A_QUERY: pl.col("asks") & (pl.col("dns.opcode").fill_null("0") != "0"),
            NO_HOLDER: kind.is_in(_HOLDERS) & ~(acknowledged | granted | signed_in).fill_null(False),
            NO_SNI: (kind == "quic") & pl.col("quic.sni").is_null(),
            NO_SERVICE: ~ours & ~kind.is_in(_HOLDERS) & ~((kind == "alert") & names),
        }
    )
