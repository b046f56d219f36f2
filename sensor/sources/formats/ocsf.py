"""OCSF 1.x JSON: network (4001), HTTP (4002) and DNS (4003) activity of security lakes and pipelines.

`time` is epoch milliseconds (some write seconds, or ISO in `time_dt`). `traffic.bytes_out` is what went
from source to destination. Flow records of one direction (VPC flow logs, SiLK, NetFlow) have only
`traffic.bytes`: they are paired with their way back. Other classes are set aside. Source: OCSF schema
browser, 1.0 to 1.6.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import lookups, objects

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
    "up": "traffic.bytes_out",
    "down": "traffic.bytes_in",
    "total": "traffic.bytes",
    "packets_up": "traffic.packets_out",
    "packets_down": "traffic.packets_in",
    "product": "metadata.product.name",
}
_ANSWERS = "answers[].rdata"
_CLASSES = ("4001", "4002", "4003")
_ONE_WAY = r"(?i)vpc|silk|flow|ipfix"
#: activity_id of class 4001, and of 4003 that of an answer.
_RESET, _FAIL, _REFUSE = "3", "4", "5"
_RESPONSE = "2"
OTHER = "set aside: OCSF class without traffic"
OTHER_TRANSPORT = "set aside: neither TCP nor UDP"


class OcsfFamily(Family):
    """Reads OCSF network activity."""

    name: ClassVar[str] = "ocsf"
    help: ClassVar[str] = (
        "OCSF 1.0 to 1.6 JSON, classes 4001 network, 4002 HTTP, 4003 DNS (Parquet: not read)"
    )
    vantage: ClassVar[str] = "proxy"
    generic: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof(
        host=True, path=True, user=True, device=True, bytes_up=True, bytes_down=True, action=True,
        user_agent=True,
        fingerprint=True,
    )  # fmt: skip
    claims: ClassVar[pl.Expr] = pl.col("line").str.contains(r'^\s*\{.*"class_uid"\s*:')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED, lists=(_ANSWERS,))
        dns, web = pl.col("class") == "4003", pl.col("class") == "4002"
        one_way = pl.col("product").str.contains(_ONE_WAY) & pl.col("up").is_null() & pl.col("down").is_null()
        one_way = one_way.fill_null(False)
        path = pl.when(pl.col("path").str.starts_with("/")).then("path")
        dns_row = read["class"] == "4003"
        rows = read.select(
            "method",
            "status",
            "client",
            "client_port",
            "server_port",
            "transport",
            "packets_up",
            "packets_down",
            time=_seconds("time"),
            duration_s=pl.coalesce(
                (pl.col("end").cast(pl.Float64, strict=False) - pl.col("time").cast(pl.Float64, strict=False))
                / 1000,
                pl.when(pl.col("product").str.contains("Zeek|SiLK").fill_null(False)).then(
                    pl.col("duration").cast(pl.Float64, strict=False)
                ),
            ),
            path=path,
            client_mac="mac",
            device="device",
            user_name="user",
            kind=pl.when(dns)
            .then(pl.lit("dns"))
            .when(web)
            .then(pl.lit("http"))
            .when(pl.col("sni").is_not_null())
            .then(pl.lit("tls"))
            .otherwise(pl.lit("flow")),
            host=pl.when(dns).then("query").otherwise(pl.coalesce("url_host", "sni", "named")),
            name_from=pl.when(pl.col("url_host").is_not_null())
            .then(pl.lit("url"))
            .when(~dns & ~web & pl.col("named").is_not_null())
            .then(pl.lit("sni")),
            url=pl.when(pl.col("url_host").is_null()).then("url"),
            user_agent="agent",
            ja4=pl.col("ja4").str.extract(r'"value":\s*"(t[^"]+)"'),
            server=pl.when(~dns).then("server"),
            bytes_up=pl.when(~dns).then(pl.when(one_way).then("total").otherwise("up")),
            bytes_down=pl.when(~dns).then("down"),
            one_way=one_way,
            answers=_ANSWERS,
            action=_action(),
            reason=_reason(),
        ).with_columns(answer=(dns_row & (read["activity"] == _RESPONSE)).fill_null(False), type=read["type"])
        return lookups.paired(rows, ("client", "client_port", "host", "type"))


def _seconds(name: str) -> pl.Expr:
    """A number with a fraction is seconds; a zero is no time."""
    text = pl.col(name)
    return pl.when(text != "0").then(text)


def _action() -> pl.Expr:
    refused = (pl.col("action") == "2") | pl.col("disposition").is_in(["2", "3", "5", "6", "26", "27"])
    activity = pl.when(pl.col("class") == "4001").then("activity")
    return (
        pl.when(refused.fill_null(False))
        .then(pl.lit("blocked"))
        .when(pl.col("verdict").str.to_lowercase().str.contains("^(?:block|den|drop|reject)"))
        .then(pl.lit("blocked"))
        .when(activity == _REFUSE)
        .then(pl.lit("blocked"))
        .when(activity.is_in([_RESET, _FAIL]))
        .then(pl.lit("reset"))
        .when((pl.col("action") == "1") | (pl.col("disposition") == "1"))
        .then(pl.lit("allowed"))
        .when(pl.col("class") == "4003")
        .then(lookups.verdict(pl.col("rcode")))
        .otherwise(pl.lit("allowed"))
    )


def _reason() -> pl.Expr:
    layer = pl.col("transport").str.to_lowercase().is_in(["icmp", "1", "58", "icmpv6", "ipv6-icmp"])
    return (
        pl.when(~pl.col("class").is_in(_CLASSES).fill_null(False))
        .then(pl.lit(OTHER))
        .when(layer)
        .then(pl.lit(OTHER_TRANSPORT))
        .when(pl.col("class") == "4003")
        .then(lookups.reverse(pl.col("type")))
    )
