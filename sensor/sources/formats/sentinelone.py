"""SentinelOne Cloud Funnel 2: network, DNS and URL events of endpoints (NDJSON, keys with dots).

    {"event.category": "dns", "event.dns.request": "www.example.org", "event.dns.response": "192.0.2.7;", …}
    {"event.category": "url", "url.address": "https://www.example.org/a", "event.url.action": "GET", …}
    {"event.category": "ip", "src.ip.address": …, "dst.ip.address": …, "dst.port.number": 443, …}

`endpoint.name` is the device, `src.process.user` who runs what connects; there are no volumes. Source:
SentinelOne, "Cloud Funnel 2.0 schema".
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import objects

_FIELDS = {
    "category": "event.category",
    "time": "event.time",
    "device": "endpoint.name",
    "user": "src.process.user",
    "client": "src.ip.address|src.endpoint.ip.address",
    "client_port": "src.port.number",
    "server": "dst.ip.address",
    "port": "dst.port.number",
    "asked": "event.dns.request",
    "answer": "event.dns.response",
    "url": "url.address",
    "method": "event.url.action",
    "direction": "event.network.direction",
    "status": "event.network.connectionStatus",
    "proto": "event.network.protocolName",
}
_ADDRESS = r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]+"
OTHER = "set aside: event of another kind (event.category)"
INCOMING = "set aside: connection from outside"


class SentineloneFamily(Family):
    """Reads SentinelOne's Cloud Funnel."""

    name: ClassVar[str] = "sentinelone"
    help: ClassVar[str] = "SentinelOne Cloud Funnel 2: DNS, URL and network events of endpoints (NDJSON)"
    vantage: ClassVar[str] = "endpoint"
    proof: ClassVar[Proof] = Proof(host=True, path=True, user=True, device=True, action=True)
    advice: ClassVar[str] = "There are no volumes: data-out cannot be reported from endpoint events."
    claims: ClassVar[pl.Expr] = objects.having("event.category", "endpoint.name", "agent.uuid")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        of = pl.col("category")
        refused = pl.col("status").str.contains("(?i)block").fill_null(False)
        return read.select(
            "time",
            "device",
            "client",
            "client_port",
            "method",
            kind=pl.when(of == "dns")
            .then(pl.lit("dns"))
            .when(of == "url")
            .then(pl.lit("http"))
            .otherwise(pl.lit("flow")),
            user_name="user",
            url=pl.when(of == "url").then("url"),
            host=pl.when(of == "dns").then("asked"),
            server=pl.when(of == "ip").then("server"),
            server_port=pl.when(of == "ip").then("port"),
            transport=pl.when(of == "url").then(pl.lit("tcp")).otherwise("proto"),
            answers=pl.when(of == "dns").then(pl.col("answer").str.extract_all(_ADDRESS)),
            action=pl.when(refused).then(pl.lit("blocked")).otherwise(pl.lit("allowed")),
            reason=pl.when(~of.is_in(["dns", "url", "ip"]))
            .then(pl.lit(OTHER))
            .when(pl.col("direction").str.to_uppercase() == "INCOMING")
            .then(pl.lit(INCOMING)),
        )
