"""SentinelOne Deep Visibility, as Cloud Funnel and the event search export it (NDJSON).

    {"event.type": "IP Connect", "event.time": 1791280800000, "src.ip.address": "10.1.2.3", …,
     "dst.ip.address": "192.0.2.7", "dst.port.number": 443, "event.network.direction": "OUTGOING"}
    {"meta": {"computerName": …}, "timestamp": {"millisecondsSinceEpoch": …}, "event_type": "tcpv4", "source":
     {"user": {"name": …}, …}, "sourceAddress": {"address": "10.1.2.3", …}, "direction": "OUTGOING", …}

    {"eventType": "DNS", "eventTime": "2026-10-06T10:00:00.123Z", "agentName": "laptop-1",
     "dnsRequest": "chat.example.com", "dnsResponse": "192.0.2.7;", "user": "ACME\\jane",
     "agentId": …, "objectType": "dns", …}

The device is the source of what is `OUTGOING` and the target of what is `INCOMING`; `src.process.user` is the
account its program runs as, a person's where it is no service's. No bytes. `IP Connect` tells of a
connection that came about or not (`connectionStatus`). The second layout is of Cloud
Funnel 1, the third of the management API's event search (`dv/events`). Source: SentinelOne, Cloud Funnel 2.0
schema, Deep Visibility API 2.1; Sekoia.io, SentinelOne Deep Visibility.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "event.time|timestamp", "type": "event.type", "category": "event.category",
    "client": "src.ip.address", "client_port": "src.port.number", "server": "dst.ip.address",
    "port": "dst.port.number", "way": "event.network.direction", "status": "event.network.connectionStatus",
    "device": "endpoint.name", "user": "src.process.user", "query": "event.dns.request",
    "answers": "event.dns.response", "url": "url.address", "method": "event.url.action",
    "layer": "meta.event.name",
}  # fmt: skip
_FIRST = {
    "time": "timestamp.millisecondsSinceEpoch", "type": "event_type", "category": "event_type",
    "client": "sourceAddress.address", "client_port": "sourceAddress.port",
    "server": "destinationAddress.address", "port": "destinationAddress.port", "way": "direction",
    "status": "status", "device": "meta.computerName", "user": "source.user.name", "query": "query",
    "answers": "results", "url": "url", "method": "method", "layer": "event_type",
}  # fmt: skip
_SEARCHED = {
    "time": "eventTime|createdAt", "type": "eventType", "category": "objectType", "client": "srcIp",
    "client_port": "srcPort", "server": "dstIp", "port": "dstPort", "way": "netEventDirection|direction",
    "status": "netConnStatus|connectionStatus", "device": "endpointName|agentName",
    "user": "srcProcUser|user", "query": "dnsRequest", "answers": "dnsResponse", "url": "networkUrl",
    "method": "networkMethod", "layer": "metaEventName",
}  # fmt: skip
_IS_FIRST = objects.having("computerName", "mgmtUrl", "event_type")
_IS_SEARCHED = objects.having("agentName", "agentId", "eventType", "objectType")
_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*:[0-9a-fA-F.:]*"


class SentinelOneFormat(LogFormat):
    """Reads SentinelOne telemetry."""

    name = "sentinelone"
    help = "SentinelOne Deep Visibility (Cloud Funnel 1 and 2, API event search; JSON): IP Connect, DNS, URL"
    vantage = "endpoint"
    proof = ("host", "path", "user", "device")
    advice = "SentinelOne counts no bytes: add the log of the proxy or firewall."
    marks = ('"event.category"', '"mgmturl"', '"objecttype"')
    claims = (
        (
            objects.having("endpoint.name", "event.category")
            & pl.col("line").str.contains(r'"(?:src\.process|mgmt|agent|site|i)\.')
        )
        | _IS_FIRST
        | _IS_SEARCHED
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event; the device is the client of what it asked for."""
        return layouts.read(
            lines,
            [
                (_IS_FIRST, lambda part: _events(objects.read(part["line"], _FIRST))),
                (_IS_SEARCHED, lambda part: _events(objects.read(part["line"], _SEARCHED))),
                (pl.lit(True), lambda part: _events(objects.read(part["line"], _FIELDS))),
            ],
        )


def _events(read: pl.DataFrame) -> pl.DataFrame:
    # Exports of chosen columns may hold the category alone.
    of = pl.coalesce("type", "category", pl.lit("")).str.to_lowercase().str.replace_all("[^a-z]", "")
    dns = pl.col("query").is_not_null() & of.str.contains("dns")
    web = pl.col("url").is_not_null() & ~dns
    connects = of.is_in(["ip", "ipconnect", "iplisten", "tcpv"]) & pl.col("server").is_not_null()
    outward = (pl.col("way").str.to_uppercase() != "INCOMING").fill_null(True)
    account = pl.col("user")
    machine = account.str.contains(r"(?i)(?:^|\\)(?:SYSTEM|(?:LOCAL|NETWORK) ?SERVICE|.*\$)$|^root$")
    return read.select(
        time="time",
        kind=one_of({"dns": dns, "http": web}, otherwise="flow"),
        client=pl.col("client"),
        client_port="client_port",
        server="server",
        server_port="port",
        device=pl.when(outward).then("device"),
        user_name=pl.when(outward & ~machine.fill_null(False)).then(account),
        host=pl.when(dns).then("query"),
        answers=pl.when(dns).then(pl.col("answers").str.extract_all(_ADDRESS)),
        url=pl.when(web).then("url"),
        method=pl.when(web).then("method"),
        transport=one_of(
            {"udp": pl.col("layer").str.contains("(?i)^udp"), "tcp": pl.col("layer").str.contains("(?i)^tcp")}
        ),
        action=one_of(
            {
                "reset": pl.col("status").str.to_uppercase().is_in(["FAILURE", "FAILED"]),
                "blocked": pl.col("status").str.to_uppercase().str.contains("BLOCK", literal=True),
            },
            otherwise="allowed",
        ),
        reason=one_of({NO_CONNECTION: ~(dns | web | connects) | (of == "iplisten")}),
    )
