"""Payload of sources that count the bytes of headers, too.

NetFlow, cloud flow logs, Suricata and many firewalls count whole packets. A download of 10 MB then looks like
an upload of 200 kB, though only acknowledgements went up, and a connection that a browser opened in advance
looks like use. If such a source also counts packets, the payload follows to within some bytes per packet.
Readers hand on the logged bytes and the bytes on the wire; the pipeline computes the payload.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

#: What a source counts: packets from the header of IP on, or whole frames.
Layer = Literal["ip", "frame"]

ETHERNET = 14
#: IPv4 (RFC 791) and TCP (RFC 9293) with its timestamps (RFC 7323), which all but Windows send: a little too
#: much rather than too little, so that what is left was surely sent.
TCP = 20 + 20 + 12
#: IPv4 and UDP (RFC 768).
UDP = 20 + 8
#: By how much the header of IPv6 (RFC 8200) is longer than that of IPv4.
IPV6 = 20


def on_the_wire(rows: pl.DataFrame, counted: Layer) -> pl.DataFrame:
    """`rows` with `wire_bytes_*` (Int64), where their `bytes_*` are `counted` and `packets_*` are known."""
    link = ETHERNET if counted == "ip" else 0
    return rows.with_columns(
        (pl.col(f"bytes_{way}") + pl.col(f"packets_{way}") * link).alias(f"wire_bytes_{way}")
        for way in ("up", "down")
    )


def removed(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with `bytes_*` and `total_bytes_*` less headers, where they are what was on the wire, with or
    without the headers of Ethernet.

    Columns: client, server, transport String; bytes_*, total_bytes_*, wire_bytes_*, packets_* Int64.
    `total_bytes_*` shrinks as `bytes_*` does.
    """
    if rows["wire_bytes_up"].null_count() == rows["wire_bytes_down"].null_count() == rows.height:
        return rows
    return rows.with_columns(column for way in ("up", "down") for column in _less_headers(way))


def _less_headers(way: str) -> tuple[pl.Expr, pl.Expr]:
    counted, total, wire = (pl.col(f"{name}_{way}") for name in ("bytes", "total_bytes", "wire_bytes"))
    packets = pl.col(f"packets_{way}")
    is_ipv6 = pl.coalesce("server", "client").str.contains(":", literal=True)
    each = (
        ETHERNET
        + pl.when(pl.col("transport") == "udp").then(UDP).otherwise(TCP)
        + pl.when(is_ipv6).then(IPV6).otherwise(0)
    )
    payload = (wire - packets * each).clip(lower_bound=0)
    counts_headers = ((counted == wire) | (counted == wire - packets * ETHERNET)) & (packets > 0)
    part = pl.when(counted > 0).then(payload / counted).otherwise(1.0)
    return (
        pl.when(counts_headers).then(payload).otherwise(counted).alias(f"bytes_{way}"),
        pl.when(counts_headers)
        .then((total * part).round().cast(pl.Int64))
        .otherwise(total)
        .alias(f"total_bytes_{way}"),
    )
