"""Community ID version 1 of connections, as Zeek and Suricata write it; used only at level `clear`.

By https://github.com/corelight/community-id-spec it is `1:` and the base64 of a SHA-1 over the seed, the
smaller endpoint's address, the other one's, the protocol, a zero byte, and both ports. It is not keyed, so
anyone who guesses a connection can compute it, which would undo the tokens.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import struct

import polars as pl

_PROTOCOLS = {"tcp": 6, "udp": 17}
_TUPLE = ("client", "client_port", "server", "server_port", "transport")


def community_ids(rows: pl.DataFrame) -> pl.Series:
    """The Community ID (String) of each row; NULL if an address or a port is unknown."""
    unique = rows.select(_TUPLE).unique().drop_nulls()
    ids = pl.Series("community_id", [_id(*row) for row in unique.iter_rows()], dtype=pl.String)
    known = unique.with_columns(ids)
    return rows.select(_TUPLE).join(known, on=list(_TUPLE), how="left", maintain_order="left")["community_id"]


def _id(client: str, client_port: int, server: str, server_port: int, transport: str) -> str | None:
    try:
        here, there = (ipaddress.ip_address(text).packed for text in (client, server))
    except ValueError:
        return None
    protocol = _PROTOCOLS.get(transport)
    if protocol is None or len(here) != len(there):
        return None
    (first, first_port), (second, second_port) = sorted(((here, client_port), (there, server_port)))
    ports = struct.pack("!BBHH", protocol, 0, first_port & 0xFFFF, second_port & 0xFFFF)
    digest = hashlib.sha1(b"\0\0" + first + second + ports, usedforsecurity=False).digest()
    return "1:" + base64.b64encode(digest).decode("ascii")
