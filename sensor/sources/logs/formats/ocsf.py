"""OCSF 1.x JSON: network (4001), HTTP (4002) and DNS (4003) activity of security lakes and pipelines.

`time` is epoch milliseconds (some write seconds, or ISO in `time_dt`). `traffic.bytes_out` is what went
from source to destination. Flow records of one direction (VPC flow logs, SiLK, NetFlow) have only
`traffic.bytes`: they are paired with their way back. A connection's opening and its close share
`connection_info.uid`; so do FortiGate's reports while a session lasts, whose counts are cumulative. Other
classes are set aside. Source: OCSF schema browser, 1.0 to 1.6.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import NO_PORTS, NO_SERVICE
from sensor.sources.logs.text.words import one_of

_WANTED: dict[str, str] = {
    "class": "class_uid",
    "class_name": "class_name",
    "time": "start_time|start_time_dt|time|time_dt",
    "end": "end_time|end_time_dt",
    "duration": "duration",
    "activity": "activity_id",
    "action": "action_id",
    "disposition": "disposition_id",
    "verdict": "disposition|action|action_name",
    "client": "src_endpoint.ip",
    "client_port": "src_endpoint.port",
    "mac": "src_endpoint.mac",
    "device": "src_endpoint.hostname|src_endpoint.name|device.hostname|device.name|src_endpoint.instance_uid",
    "user": "actor.user.email_addr|actor.user.name|user.email_addr|user.name|src_endpoint.owner.email_addr|"
    "src_endpoint.owner.name|actor.user.uid",
    "server": "dst_endpoint.ip",
    "server_port": "dst_endpoint.port|http_request.url.port|url.port",
    "query": "query.hostname",
    "type": "query.type",
    "rcode": "rcode|rcode_id",
    "url": "http_request.url.url_string|http_request.url.text|url.url_string|url.text",
    "url_host": "http_request.url.hostname|url.hostname|http_request.url.domain",
    "path": "http_request.url.path|url.path",
    "sni": "tls.sni",
    "named": "dst_endpoint.hostname|dst_endpoint.domain|domain",
    "method": "http_request.http_method",
    "agent": "http_request.user_agent",
    "status": "http_response.code",
    "ja4": "tls.ja4_fingerprint_list",
    "transport": "connection_info.protocol_name|connection_info.protocol_num",
    "up": "traffic.bytes_out|http_request.length",
    "down": "traffic.bytes_in|http_response.length",
    "total": "traffic.bytes",
    "packets_up": "traffic.packets_out",
    "packets_down": "traffic.packets_in",
    "product": "metadata.product.name",
    "vendor": "metadata.product.vendor_name",
    "uid": "connection_info.uid|connection_info.session.uid",
}
_ANSWERS = "answers[].rdata"
_CLASSES = ("4001", "4002", "4003")
_ONE_WAY = r"(?i)vpc|silk|flow|ipfix"
#: disposition_id: Blocked, Quarantined, Deleted, Dropped, Reset (of a threat), Access Revoked, Rejected,
#: Unauthorized; and Error.
_REFUSED, _ERROR = ("2", "3", "5", "6", "21", "24", "25", "26"), "27"
#: activity_id of class 4001, and of 4003 that of an answer.
_OPEN, _CLOSE, _RESET, _FAIL, _REFUSE = "1", "2", "3", "4", "5"
_RESPONSE = "2"


class OcsfFormat(LogFormat):
    """Reads OCSF network activity."""

    name = "ocsf"
    help = "OCSF 1.0 to 1.6 as JSON or Parquet, classes 4001 network, 4002 HTTP, 4003 DNS"
    vantage = "proxy"
    generic = True
    proof = (
        "host",
        "path",
        "user",
        "device",
        "bytes_up",
        "bytes_down",
        "action",
        "user_agent",
        "fingerprint",
    )
    marks = ('"class_uid"',)
    claims = objects.having("class_uid")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED, lists=(_ANSWERS,))
        one_way = pl.col("product").str.contains(_ONE_WAY) & pl.col("up").is_null() & pl.col("down").is_null()
        told = read.with_columns(
            is_dns=(pl.col("class") == "4003").fill_null(False),
            is_web=(pl.col("class") == "4002").fill_null(False),
            one_way=one_way.fill_null(False),
        )
        rows = told.select(**_when(), **_who(), **_what(), **_volume(), action=_action(), reason=_reason())
        return lookups.paired(rows, ("client", "client_port", "host", "qtype"))


def _when() -> dict[str, pl.Expr]:
    begin, end = (pl.col(name).cast(pl.Float64, strict=False) for name in ("time", "end"))
    # In milliseconds by the schema; these two write seconds.
    in_seconds = pl.col("product").str.contains("Zeek|SiLK").fill_null(False)
    lasted = pl.when(in_seconds).then(pl.col("duration").cast(pl.Float64, strict=False))
    return {"time": _stamp(), "duration_s": pl.coalesce((end - begin) / 1000, lasted)}


def _who() -> dict[str, pl.Expr]:
    return {
        "client": pl.col("client"),
        "client_port": pl.col("client_port"),
        "client_mac": pl.col("mac"),
        "device": pl.col("device"),
        "user_name": pl.col("user"),
        "server": pl.col("server"),
        "server_port": pl.col("server_port"),
        "transport": pl.col("transport"),
    }


def _what() -> dict[str, pl.Expr]:
    dns, web = pl.col("is_dns"), pl.col("is_web")
    told = ~dns & ~web & pl.col("named").is_not_null()
    return {
        "kind": one_of({"dns": dns, "http": web, "tls": pl.col("sni").is_not_null()}, otherwise="flow"),
        "host": pl.when(dns).then("query").otherwise(pl.coalesce("url_host", "sni", "named")),
        "name_from": one_of({"url": pl.col("url_host").is_not_null(), "sni": told}),
        "url": pl.when(pl.col("url_host").is_null()).then("url"),
        "path": pl.when(pl.col("path").str.starts_with("/")).then("path"),
        "method": pl.col("method"),
        "status": pl.col("status"),
        "user_agent": pl.col("agent"),
        "ja4": pl.col("ja4").str.extract(r'"value":\s*"(t[^"]+)"'),
        "answers": pl.col(_ANSWERS),
        "answer": (dns & (pl.col("activity") == _RESPONSE)).fill_null(False),
        "qtype": pl.col("type"),
    }


def _volume() -> dict[str, pl.Expr]:
    up = pl.when("one_way").then("total").otherwise("up")
    activity = pl.col("activity")
    return {
        "bytes_up": pl.when(~pl.col("is_dns")).then(up),
        "bytes_down": pl.when(~pl.col("is_dns")).then("down"),
        "packets_up": pl.col("packets_up"),
        "packets_down": pl.col("packets_down"),
        "one_way": pl.col("one_way"),
        "session": _session(),
        "phase": one_of({"begin": activity == _OPEN, "end": activity == _CLOSE}, otherwise="update"),
    }


def _session() -> pl.Expr:
    """What the events of one connection share; what others mean by traffic reports is not told."""
    parts = (pl.col("activity").is_in([_OPEN, _CLOSE])) | (pl.col("vendor") == "Fortinet")
    key = pl.concat_str(pl.col("product").fill_null(""), "uid", "client", "client_port", separator="|")
    return pl.when((pl.col("class") == "4001") & parts & (pl.col("uid") != "")).then(key)


def _stamp() -> pl.Expr:
    """Any of the times; a zero is none."""
    return pl.when(pl.col("time") != "0").then("time")


def _action() -> pl.Expr:
    activity = pl.when(pl.col("class") == "4001").then("activity")
    refused = (
        (pl.col("action") == "2")
        | pl.col("disposition").is_in(_REFUSED)
        | pl.col("verdict").str.to_lowercase().str.contains("^(?:block|den|drop|reject)")
        | (activity == _REFUSE)
    )
    return one_of(
        {
            "blocked": refused,
            "reset": activity.is_in([_RESET, _FAIL]) | (pl.col("disposition") == _ERROR),
            "allowed": (pl.col("action") == "1") | (pl.col("disposition") == "1"),
        },
        otherwise=pl.when(pl.col("class") == "4003")
        .then(lookups.verdict(pl.col("rcode")))
        .otherwise(pl.lit("allowed")),
    )


def _reason() -> pl.Expr:
    layer = pl.col("transport").str.to_lowercase().is_in(["icmp", "1", "58", "icmpv6", "ipv6-icmp"])
    return one_of(
        {NO_SERVICE: ~pl.col("class").is_in(_CLASSES).fill_null(False), NO_PORTS: layer},
    )
