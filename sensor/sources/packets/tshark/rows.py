"""Turns the output of tshark into rows: connections, DNS questions and answers, coverage.

In: lines of `tshark -T fields` with the columns `FIELDS`; several values of one field are separated by
`SEPARATOR`. Out: rows of the tables in `sensor.schema`. Of a tunnelled frame, the innermost addresses count.
"""

from __future__ import annotations

import io

import polars as pl

from sensor.schema import ANSWERS, COVERAGE, OBSERVATIONS
from sensor.sources.logs.text.lookups import question_type

FIELDS = {
    "time": "frame.time_epoch", "wire": "frame.len", "layers": "frame.protocols",
    "source4": "ip.src", "target4": "ip.dst", "source6": "ipv6.src", "target6": "ipv6.dst",
    "tcp_source": "tcp.srcport", "tcp_target": "tcp.dstport", "tcp_stream": "tcp.stream",
    "tcp_bytes": "tcp.len", "syn": "tcp.flags.syn", "ack": "tcp.flags.ack",
    "again": "tcp.analysis.retransmission", "alive": "tcp.analysis.keep_alive",
    "udp_source": "udp.srcport", "udp_target": "udp.dstport", "udp_stream": "udp.stream",
    "udp_bytes": "udp.length", "handshake": "tls.handshake.type",
    "sni": "tls.handshake.extensions_server_name", "http_host": "http.host",
    "authority": "http2.headers.authority", "method": "http.request.method",
    "path": "http.request.uri.path", "user_agent": "http.user_agent", "status": "http.response.code",
    "dns_id": "dns.id", "response": "dns.flags.response", "question": "dns.qry.name",
    "qtype": "dns.qry.type",
    "rcode": "dns.flags.rcode", "a": "dns.a", "aaaa": "dns.aaaa", "ttl": "dns.resp.ttl",
    "cname": "dns.cname",
}  # fmt: skip
SEPARATOR = "\x1f"
_DNS = ("dns_id", "response", "question", "qtype", "rcode", "a", "aaaa", "ttl", "cname")
_TIME = pl.Datetime("us", "UTC")
_SIDE = ("transport", "stream", "source", "source_port", "target", "target_port")
_LOOKUP = ("client", "client_port", "server", "server_port", "dns_id", "host", "qtype")
_NXDOMAIN, _REFUSED = 3, 5


def parsed(lines: bytes) -> pl.DataFrame:
    """Complete lines as a frame of String columns (`FIELDS`)."""
    return pl.read_csv(
        io.BytesIO(lines + b"\n"),
        has_header=False,
        new_columns=list(FIELDS),
        separator="\t",
        quote_char=None,
        infer_schema=False,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )


def _last(column: str) -> pl.Expr:
    """The value of a field in the innermost layer."""
    return pl.col(column).str.split(SEPARATOR).list.last()


def _first(column: str) -> pl.Expr:
    """The value of a field in its first layer or record."""
    return pl.col(column).str.split(SEPARATOR).list.first()


def _answer(statuses: pl.Expr) -> pl.Expr:
    """The first of the statuses in a frame that is no interim response's, such as 100 Continue."""
    final = (pl.element() >= 200) | (pl.element() == 101)
    return statuses.list.eval(pl.element().filter(final)).list.first()


def packets(block: pl.DataFrame) -> pl.DataFrame:
    """One row per frame of the output of `parsed`: addresses, transport, sizes and names."""
    frame = block.with_columns(pl.col("layers").fill_null("").str.split(":"))
    layers = pl.col("layers")
    network = layers.list.eval(pl.element().filter(pl.element().is_in(["ip", "ipv6"]))).list.last()
    transport = layers.list.eval(pl.element().filter(pl.element().is_in(["tcp", "udp"]))).list.last()
    six, tcp = network == "ipv6", transport == "tcp"
    quoted = layers.list.contains("icmp") | layers.list.contains("icmpv6")
    local = layers.list.contains("mdns") | layers.list.contains("llmnr")
    tls, http = layers.list.contains("tls"), layers.list.contains("http")
    hello = pl.col("handshake").str.split(SEPARATOR).list.contains("1") & tls
    # A retransmission repeats bytes already counted; a keep-alive has one byte that is no payload.
    no_payload = pl.col("again").is_not_null() | pl.col("alive").is_not_null()

    def number(name: str) -> pl.Expr:
        return _last(name).cast(pl.Int64, strict=False)

    return frame.select(
        time=(pl.col("time").cast(pl.Float64, strict=False) * 1_000_000).round().cast(pl.Int64),
        wire=number("wire").fill_null(0),
        is_ip=network.is_not_null(),
        is_used=transport.is_not_null() & network.is_not_null() & ~quoted,
        is_dns=layers.list.contains("dns") & ~local & pl.col("question").is_not_null(),
        transport=transport,
        stream=pl.when(tcp).then(number("tcp_stream")).otherwise(number("udp_stream")),
        source=pl.when(six).then(_last("source6")).otherwise(_last("source4")),
        target=pl.when(six).then(_last("target6")).otherwise(_last("target4")),
        source_port=pl.when(tcp).then(number("tcp_source")).otherwise(number("udp_source")),
        target_port=pl.when(tcp).then(number("tcp_target")).otherwise(number("udp_target")),
        payload=pl.when(tcp)
        .then(pl.when(no_payload).then(0).otherwise(number("tcp_bytes")))
        .otherwise((number("udp_bytes") - 8).clip(0))
        .fill_null(0),
        opens=_last("syn").is_in(["1", "True"]) & ~_last("ack").is_in(["1", "True"]),
        asks=(hello | pl.col("method").is_not_null() | pl.col("authority").is_not_null()).fill_null(False),
        sni=pl.when(hello).then(_first("sni")),
        quic=layers.list.contains("quic"),
        # With TLS, these fields are only readable if the capture holds keys; our decoder would not see them.
        request_host=pl.when(~tls).then(pl.coalesce(_first("http_host"), _first("authority"))),
        method=pl.when(http & ~tls).then(_first("method")),
        path=pl.when(http & ~tls).then(_first("path")),
        user_agent=pl.when(http & ~tls).then(_first("user_agent")),
        status=_answer(pl.col("status").str.split(SEPARATOR).cast(pl.List(pl.Int64), strict=False)),
        **{name: pl.col(name) for name in _DNS},
    )  # fmt: skip


_SUMS = ("payload", "wire", "packets")
_FIRSTS = ("sni", "request_host", "method", "path", "user_agent")
#: Answers to requests without credentials, which are then sent again.
_WHO_ASKS = (401, 407)


def sides(packets: pl.DataFrame) -> pl.DataFrame:
    """One row per direction of a connection. The results for several blocks can be concatenated and passed in
    again, which sums them."""
    return packets.group_by(_SIDE, maintain_order=True).agg(
        pl.col("begin").min(),
        pl.col("end").max(),
        pl.col(_SUMS).sum(),
        pl.col("opens", "asks", "quic").any(),
        *(pl.col(name).drop_nulls().first() for name in _FIRSTS),
        status=pl.coalesce(
            pl.col("status").filter(~pl.col("status").is_in(_WHO_ASKS)).first(),
            pl.col("status").drop_nulls().first(),
        ),
    )


def counts(packets: pl.DataFrame) -> pl.DataFrame:
    """Rows of `coverage`: frames per minute, each counted under one of `decoded`, `non_ip`,
    `other_transport`."""
    at = pl.col("time").cast(_TIME)
    grouped = (
        packets.filter(pl.col("time").is_not_null())
        .group_by(minute=at.dt.truncate("1m"))
        .agg(
            packets=pl.len().cast(pl.Int64),
            bytes=pl.col("wire").sum(),
            decoded=pl.col("is_used").sum().cast(pl.Int64),
            non_ip=(~pl.col("is_ip")).sum().cast(pl.Int64),
            other_transport=(pl.col("is_ip") & ~pl.col("is_used")).sum().cast(pl.Int64),
            first_seen=at.min(),
            last_seen=at.max(),
        )
    )
    return COVERAGE.conform(grouped)


def coverage(minutes: pl.DataFrame) -> pl.DataFrame:
    """The rows of several blocks, summed to one per minute."""
    numbers = ("packets", "bytes", "decoded", "non_ip", "other_transport")
    grouped = minutes.group_by("minute").agg(
        pl.col(numbers).sum(), pl.col("first_seen").min(), pl.col("last_seen").max()
    )
    return COVERAGE.conform(grouped.sort("minute"))


def connections(sides: pl.DataFrame) -> pl.DataFrame:
    """One row per connection. The client is the side that sent the SYN, else the hello or request, else the
    one with the higher port."""
    weight = (
        pl.col("opens").cast(pl.Int64) * 4
        + pl.col("asks").cast(pl.Int64) * 2
        + (pl.col("source_port") > pl.col("target_port")).cast(pl.Int64)
    )
    ordered = sides.with_columns(weight=weight).sort("weight", "begin", descending=[True, False])
    key = ["transport", "stream"]
    first = ordered.unique(key, keep="first", maintain_order=True)
    # If only one direction was seen, and nothing marks its sender as client, the sender is the server.
    alone = first.filter(pl.col("weight") == 0).join(sides, on=key, how="left", maintain_order="left")
    turned = alone.group_by(key).len().filter(pl.col("len") == 1).select(*key, turned=pl.lit(True))
    up = first.join(turned, on=key, how="left").with_columns(pl.col("turned").fill_null(False))
    swapped = pl.col("turned")
    ends = {
        "client": pl.when(swapped).then("target").otherwise("source"),
        "client_port": pl.when(swapped).then("target_port").otherwise("source_port"),
        "server": pl.when(swapped).then("source").otherwise("target"),
        "server_port": pl.when(swapped).then("source_port").otherwise("target_port"),
    }
    named = up.with_columns(**ends)
    down = sides.select(
        *key,
        *(pl.col(name).alias(f"{name}_back") for name in ("begin", "end", "status", *_SUMS)),
        client="target",
        client_port="target_port",
        server="source",
        server_port="source_port",
    )
    both = named.join(down, on=[*key, *ends], how="left")
    return _rows(both)


def _rows(both: pl.DataFrame) -> pl.DataFrame:
    """Joined directions as the observations table."""
    begin = pl.min_horizontal("begin", "begin_back")
    end = pl.max_horizontal("end", "end_back")
    host = pl.coalesce("sni", "request_host").str.strip_chars().str.to_lowercase().str.strip_chars_end(".")
    bare = host.str.replace(r":\d*$", "")
    turned, empty = pl.col("turned"), pl.lit(0, pl.Int64)

    def up(name: str) -> pl.Expr:
        return pl.when(turned).then(empty).otherwise(pl.col(name))

    def down(name: str) -> pl.Expr:
        back = pl.col(f"{name}_back").fill_null(0)
        return pl.when(turned).then(pl.col(name)).otherwise(back)

    sni = pl.col("sni").is_not_null()
    frame = both.select(
        seen_at=begin.cast(_TIME),
        started_at=begin.cast(_TIME),
        duration_s=(end - begin) / 1_000_000,
        kind=pl.when("quic").then(pl.lit("quic")).when(sni).then(pl.lit("tls"))
        .when(pl.col("request_host").is_not_null() | pl.col("method").is_not_null()).then(pl.lit("http"))
        .otherwise(pl.lit("flow")),
        action=pl.lit("allowed"),
        client="client", client_port="client_port", server="server", server_port="server_port",
        transport="transport",
        host=pl.when(bare != "").then(bare),
        name_from=pl.when(sni & pl.col("quic")).then(pl.lit("quic_sni")).when(sni).then(pl.lit("sni"))
        .when(bare != "").then(pl.lit("http_host")),
        method="method", path="path", user_agent="user_agent",
        status=pl.coalesce("status_back", "status"),
        bytes_up=up("payload"), bytes_down=down("payload"),
        total_bytes_up=up("payload"), total_bytes_down=down("payload"),
        wire_bytes_up=up("wire"), wire_bytes_down=down("wire"),
        packets_up=up("packets"), packets_down=down("packets"),
        slice=pl.lit(0, pl.Int64),
    )  # fmt: skip
    return OBSERVATIONS.conform(frame.sort("seen_at", "client", "client_port"))


def messages(packets: pl.DataFrame) -> pl.DataFrame:
    """DNS messages; the client is the side that asks."""
    answer = _first("response").is_in(["1", "True"])
    host = _first("question").str.to_lowercase().str.strip_chars_end(".")
    sides = {
        "client": pl.when(answer).then("target").otherwise("source"),
        "client_port": pl.when(answer).then("target_port").otherwise("source_port"),
        "server": pl.when(answer).then("source").otherwise("target"),
        "server_port": pl.when(answer).then("source_port").otherwise("target_port"),
    }
    frame = packets.with_columns(
        **sides,
        host=host,
        answers=answer,
        qtype=question_type(_first("qtype")),
        refused=_first("rcode").is_in([str(_NXDOMAIN), str(_REFUSED)]),
    )
    return frame.filter((pl.col("host") != "") & (pl.col("host") != "<root>"))


def questions(messages: pl.DataFrame) -> pl.DataFrame:
    """Observations of DNS: one per question."""
    rows = messages.group_by(_LOOKUP, maintain_order=True).agg(
        pl.col("transport").first(),
        seen_at=pl.col("time").min().cast(_TIME),
        duration_s=(pl.col("time").max() - pl.col("time").min()) / 1_000_000,
        refused=(pl.col("refused") & pl.col("answers")).any(),
        cname=_last("cname").drop_nulls().first(),
    )
    frame = rows.with_columns(
        kind=pl.lit("dns"),
        name_from=pl.lit("qname"),
        action=pl.when("refused").then(pl.lit("blocked")).otherwise(pl.lit("allowed")),
    )
    return OBSERVATIONS.conform(frame.sort("seen_at", "client", "host"))


def answers(messages: pl.DataFrame) -> pl.DataFrame:
    """Rows of `answers`: one per address in an answer."""
    answered = messages.filter("answers").select(
        "client",
        "host",
        answered_at=pl.col("time").cast(_TIME),
        cname=_last("cname"),
        ttl_s=pl.col("ttl").str.split(SEPARATOR).cast(pl.List(pl.Int64), strict=False).list.min(),
        address=pl.concat_list(
            pl.col("a").str.split(SEPARATOR).fill_null([]), pl.col("aaaa").str.split(SEPARATOR).fill_null([])
        ),
    )  # fmt: skip
    return ANSWERS.conform(answered.explode("address").filter(pl.col("address").is_not_null()))
