"""ntopng and nProbe flows as JSON, with what nDPI found in them: server names, lookups, requests.

    {"IPV4_SRC_ADDR": "10.1.2.3", "L4_SRC_PORT": 40000, "IPV4_DST_ADDR": …, "L4_DST_PORT": 443, "PROTOCOL": 6,
     "L7_PROTO_NAME": "TLS.ChatGPT", "IN_BYTES": 9000, "OUT_BYTES": 70000, "FIRST_SWITCHED": 1791280800,
     "LAST_SWITCHED": 1791280860, "TLS_SERVER_NAME": "chatgpt.com", "NTOPNG_INSTANCE_NAME": …}

`IN_BYTES` is what the client sent. A long flow is dumped again and again, each record with what came since
the one before. A dropped flow (nEdge) has `verdict.pass` false. Records without `L7_PROTO` are those of
`netflow.py`. Source: ntopng user's guide, "Flows dump" (syslog, Elasticsearch, Logstash); nProbe user's
guide, "Information elements".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import objects

_WANTED = {
    "client": "IPV4_SRC_ADDR|IPV6_SRC_ADDR", "client_port": "L4_SRC_PORT",
    "server": "IPV4_DST_ADDR|IPV6_DST_ADDR", "port": "L4_DST_PORT", "proto": "PROTOCOL",
    "protocol": "L7_PROTO_NAME", "up": "IN_BYTES", "down": "OUT_BYTES", "packets_up": "IN_PKTS",
    "packets_down": "OUT_PKTS", "first": "FIRST_SWITCHED|FLOW_START_SEC",
    "last": "LAST_SWITCHED|FLOW_END_SEC", "sni": "TLS_SERVER_NAME|SSL_SERVER_NAME|QUIC_SERVER_NAME",
    "asked": "DNS_QUERY", "host": "HTTP_HOST|HTTP_SITE", "url": "HTTP_URL", "method": "HTTP_METHOD",
    "status": "HTTP_RET_CODE", "agent": "HTTP_UA|HTTP_USER_AGENT",
    "user": "FLOW_USER_NAME", "passed": "verdict.pass|PASS_VERDICT",
}  # fmt: skip
#: Nobody else's flows are spelled like this; what nDPI calls them is what nProbe's plain records lack.
SIDES = objects.having("PROTOCOL") & objects.having_any("IPV4_SRC_ADDR", "IPV6_SRC_ADDR")
NO_PORTS = "set aside: neither TCP nor UDP"


class NtopngFamily(Family):
    """Reads flows of ntopng and nProbe."""

    name = "ntopng"
    help = "ntopng (syslog, Elasticsearch, Logstash) and nProbe flows as JSON, with the names nDPI found"
    vantage = "flow"
    proof = Proof(host=True, path=True, bytes_up=True, bytes_down=True, user_agent=True)
    advice = "nProbe tells no names unless its template has them: add %TLS_SERVER_NAME %DNS_QUERY %HTTP_HOST."
    marks = ('"l7_proto',)
    claims = objects.having_any("L7_PROTO", "L7_PROTO_NAME") & SIDES

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = objects.read(lines["line"], _WANTED)
        of = pl.col("protocol").str.to_uppercase()
        is_lookup = (
            pl.col("asked").is_not_null() & (of.str.starts_with("DNS") | (pl.col("port") == "53"))
        ).fill_null(False)
        is_request = pl.coalesce("host", "url").is_not_null() & ~is_lookup
        named = pl.col("sni").is_not_null()
        whole = ~pl.col("url").str.starts_with("/")
        kind = (
            pl.when(is_lookup)
            .then(pl.lit("dns"))
            .when(is_request)
            .then(pl.lit("http"))
            .when(named & (of.str.starts_with("QUIC") | pl.col("proto").is_in(["17", "UDP"])))
            .then(pl.lit("quic"))
            .when(named)
            .then(pl.lit("tls"))
            .otherwise(pl.lit("flow"))
        )
        first, last = (pl.col(name).cast(pl.Float64, strict=False) for name in ("first", "last"))
        passed = pl.col("passed").str.to_lowercase()
        return read.select(
            "client",
            "client_port",
            "server",
            "method",
            "status",
            time="first",
            duration_s=pl.when(~is_lookup & (last >= first)).then(last - first),
            kind=kind,
            host=pl.when(is_lookup).then("asked").when(is_request).then("host").otherwise("sni"),
            url=pl.when(is_request & whole).then("url"),
            path=pl.when(is_request & ~whole).then("url"),
            user_agent="agent",
            user_name="user",
            server_port=pl.when(~is_lookup).then("port"),
            transport=pl.when(~is_lookup).then("proto"),
            bytes_up=pl.when(~is_lookup).then("up"),
            bytes_down=pl.when(~is_lookup).then("down"),
            packets_up=pl.when(~is_lookup).then("packets_up"),
            packets_down=pl.when(~is_lookup).then("packets_down"),
            action=pl.when(passed == "false")
            .then(pl.lit("blocked"))
            .when(passed == "true")
            .then(pl.lit("allowed")),
            reason=pl.when(~pl.col("proto").is_in(["6", "17", "TCP", "UDP"])).then(pl.lit(NO_PORTS)),
        )
