"""Records that a firewall wrote of the server's packets, as if the server had opened the connection.

A filter that has forgotten a connection takes the next packet of the server for a new one. If the
filter lets the packet through, the record is of the client's use, with the ends exchanged. If not, the
packet is late: the use was allowed all the same, and only the end of its connection was refused.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.rows.flows import EPHEMERAL, turned_around
from sensor.sources.logs.text.reasons import STRAY

#: Services whose clients may have any port. For other ports below `_WELL_KNOWN`, the client's port must be at
#: least `EPHEMERAL`, because NFS and others send from a low port.
_SERVICES, _WELL_KNOWN = (53, 80, 443), 1024


def turned(rows: pl.DataFrame, *, by_device: bool = False) -> pl.DataFrame:
    """`rows` in which connections that the server seems to have opened are turned around, or set aside.

    A device (`by_device`) knows who opened the connections that it let through. One-way records are turned
    later (flows.py), with the other records of their connection.
    """
    is_reply = _is_reply() & (pl.col("action") == "blocked") if by_device else _is_reply()
    replies = rows.select(found=is_reply.fill_null(False))["found"]
    if not replies.any():
        return rows
    late = pl.lit(replies) & (pl.col("action") == "blocked").fill_null(False)
    turn = pl.lit(replies) & ~late & ~pl.col("one_way").fill_null(False)
    return rows.with_columns(
        *turned_around(turn),
        reason=pl.when(late).then(pl.coalesce("reason", pl.lit(STRAY))).otherwise("reason"),
    )


def _is_reply() -> pl.Expr:
    here, there = pl.col("client_port"), pl.col("server_port")
    from_service = here.is_in(_SERVICES) & (there >= _WELL_KNOWN) | (here < _WELL_KNOWN) & (
        there >= EPHEMERAL
    )
    return ((pl.col("kind") == "flow") & pl.col("host").is_null() & from_service).fill_null(False)
