"""ntopng and nProbe flows as JSON, with what nDPI found in them: server names, lookups, requests.

    {"IPV4_SRC_ADDR": "10.1.2.3", "L4_SRC_PORT": 40000, "IPV4_DST_ADDR": …, "L4_DST_PORT": 443, "PROTOCOL": 6,
     "L7_PROTO_NAME": "TLS.ChatGPT", "IN_BYTES": 9000, "OUT_BYTES": 70000, "FIRST_SWITCHED": 1791280800,
     "LAST_SWITCHED": 1791280860, "TLS_SERVER_NAME": "chatgpt.com", "NTOPNG_INSTANCE_NAME": …}

nProbe's dumps of text (`-P`) have these names as titles, with bars between. `IN_BYTES` is what the client
sent: nProbe counts from the header of IP on, ntopng, which names itself, whole frames. A long flow is dumped
again and again, each record with what came since the one before. A dropped flow (nEdge) has `verdict.pass`
false. Records without `L7_PROTO` are those of `netflow`. Source: ntopng user's guide, "Flows dump"
(syslog, Elasticsearch, Logstash); nProbe user's guide, "Information elements".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.rows import headers
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "client": "IPV4_SRC_ADDR|IPV6_SRC_ADDR", "client_port": "L4_SRC_PORT",
    "server": "IPV4_DST_ADDR|IPV6_DST_ADDR", "port": "L4_DST_PORT", "proto": "PROTOCOL",
    "protocol": "L7_PROTO_NAME", "up": "IN_BYTES", "down": "OUT_BYTES", "packets_up": "IN_PKTS",
    "packets_down": "OUT_PKTS", "first": "FIRST_SWITCHED|FLOW_START_SEC",
    "last": "LAST_SWITCHED|FLOW_END_SEC", "sni": "TLS_SERVER_NAME|SSL_SERVER_NAME|QUIC_SERVER_NAME",
    "asked": "DNS_QUERY", "qtype": "DNS_QUERY_TYPE", "rcode": "DNS_RET_CODE",
    "host": "HTTP_HOST|HTTP_SITE", "url": "HTTP_URL", "method": "HTTP_METHOD",
    "status": "HTTP_RET_CODE", "agent": "HTTP_UA|HTTP_USER_AGENT",
    "user": "FLOW_USER_NAME", "passed": "verdict.pass|PASS_VERDICT", "ntopng": "NTOPNG_INSTANCE_NAME",
}  # fmt: skip
#: Nobody else's flows are spelled like this; what nDPI calls them is what nProbe's plain records lack.
SIDES = objects.having("PROTOCOL") & objects.having_any("IPV4_SRC_ADDR", "IPV6_SRC_ADDR")


class NtopngFormat(LogFormat):
    """Reads flows of ntopng and nProbe."""

    name = "ntopng"
    help = (
        "ntopng (syslog, Elasticsearch, Logstash) and nProbe flows (JSON, dumps), with the names nDPI found"
    )
    vantage = "flow"
    counts_headers = "ip"
    proof = ("host", "path", "bytes_up", "bytes_down", "user_agent")
    advice = "nProbe exports names only if its template has them: add %TLS_SERVER_NAME %DNS_QUERY %HTTP_HOST."
    marks = ('"l7_proto',)
    claims = objects.having_any("L7_PROTO", "L7_PROTO_NAME") & SIDES

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = objects.read(lines["line"], _WANTED).with_columns(
            of=pl.col("protocol").str.to_uppercase(), is_request=pl.coalesce("host", "url").is_not_null()
        )
        is_lookup = pl.col("asked").is_not_null() & (
            pl.col("of").str.starts_with("DNS") | (pl.col("port") == "53")
        ).fill_null(False)
        is_quic = pl.col("of").str.starts_with("QUIC") | ~pl.col("proto").is_in(["6", "TCP"])
        named = pl.col("sni").is_not_null()
        is_path = pl.col("url").str.starts_with("/")
        first, last = (pl.col(name).cast(pl.Float64, strict=False) for name in ("first", "last"))
        passed = pl.col("passed").str.to_lowercase()
        answered = pl.when(is_lookup).then(lookups.verdict(pl.col("rcode")))
        flow = {
            "server_port": pl.col("port"), "transport": pl.col("proto"), "bytes_up": _without_frames("up"),
            "bytes_down": _without_frames("down"), "packets_up": pl.col("packets_up"),
            "packets_down": pl.col("packets_down"),
        }  # fmt: skip
        return read.select(
            "client",
            "client_port",
            "server",
            "method",
            "status",
            time="first",
            duration_s=pl.when(~is_lookup & (last >= first)).then(last - first),
            kind=one_of(
                {"dns": is_lookup, "http": pl.col("is_request"), "quic": named & is_quic, "tls": named},
                otherwise="flow",
            ),
            host=pl.when(is_lookup).then("asked").when("is_request").then("host").otherwise("sni"),
            url=pl.when(~is_path).then("url"),
            path=pl.when(is_path).then("url"),
            user_agent="agent",
            user_name="user",
            # What a lookup weighs is nobody's upload.
            **{name: pl.when(~is_lookup).then(field) for name, field in flow.items()},
            qtype=pl.when(is_lookup & (pl.col("qtype") != "0")).then("qtype"),
            action=one_of(
                {
                    "blocked": (passed == "false") | (answered == "blocked"),
                    "allowed": (passed == "true") | (answered == "allowed"),
                }
            ),
            reason=one_of({NO_PORTS: ~has_ports(pl.col("proto")).fill_null(False)}),
        )


def _without_frames(way: str) -> pl.Expr:
    """A count of bytes, less the headers of Ethernet where ntopng counted them."""
    count, packets = (pl.col(name).cast(pl.Int64, strict=False) for name in (way, f"packets_{way}"))
    link = pl.when(pl.col("ntopng").is_not_null()).then(packets.fill_null(0) * headers.ETHERNET).otherwise(0)
    return count - link
