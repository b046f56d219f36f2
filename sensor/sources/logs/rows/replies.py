"""Records that a firewall wrote of the server's packets, as if the server had opened the connection.

A filter that has forgotten a connection takes the next packet of the server for a new one. If the
filter lets the packet through, the record is of the client's use, with the ends exchanged. If not, the
packet is late: the use was allowed all the same, and only the end of its connection was refused.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text.reasons import STRAY

#: Services whose clients may have any port. Of other ports below `_WELL_KNOWN`, only a client's port from
#: `_EPHEMERAL` on tells, because NFS and others send from a low port.
_SERVICES, _WELL_KNOWN = (53, 80, 443), 1024
#: Chosen by clients (RFC 6335, Linux defaults).
_EPHEMERAL = 32768
_EXCHANGED = (
    ("client", "server"),
    ("client_port", "server_port"),
    ("bytes_up", "bytes_down"),
    ("packets_up", "packets_down"),
)
#: What the record tells of its source, which is the server.
_OF_SOURCE = ("client_mac", "user_name", "device")


def turned(rows: pl.DataFrame, *, by_device: bool = False) -> pl.DataFrame:
    """`rows` with connections that the server seems to have opened told from the client's end, or set aside.

    A device (`by_device`) knows who opened the connections that it let through. One-way records are turned
    later (flows.py), with the other records of their connection.
    """
    is_reply = _is_reply() & (pl.col("action") == "blocked") if by_device else _is_reply()
    replies = rows.select(found=is_reply.fill_null(False))["found"]
    if not replies.any():
        return rows
    late = pl.lit(replies) & (pl.col("action") == "blocked").fill_null(False)
    turn = pl.lit(replies) & ~late & ~pl.col("one_way").fill_null(False)
    ends = [pair for one, other in _EXCHANGED for pair in ((one, other), (other, one))]
    return rows.with_columns(
        *(pl.when(turn).then(there).otherwise(here).alias(here) for here, there in ends),
        *(pl.when(~turn).then(name).alias(name) for name in _OF_SOURCE),
        reason=pl.when(late).then(pl.coalesce("reason", pl.lit(STRAY))).otherwise("reason"),
    )


def _is_reply() -> pl.Expr:
    here, there = pl.col("client_port"), pl.col("server_port")
    from_service = here.is_in(_SERVICES) & (there >= _WELL_KNOWN) | (here < _WELL_KNOWN) & (
        there >= _EPHEMERAL
    )
    return ((pl.col("kind") == "flow") & pl.col("host").is_null() & from_service).fill_null(False)
