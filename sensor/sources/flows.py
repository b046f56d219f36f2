"""One-way flow records (NetFlow, VPC flow logs, EVE netflow) as sides of a connection.

Such a record counts only what one side sent; the way back is a record of its own. Each becomes a row
that knows who is the client: what the client sent has `bytes_up` and is slice 0, what it got has
`bytes_down` and is slice 1, so that the two add up and open one connection. Nothing is held back.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import polars as pl

#: Below: assigned to services; from `_EPHEMERAL` on: chosen by clients (RFC 6335, Linux defaults).
_SERVICE, _EPHEMERAL = 1024, 32768
_SWAPPED = (
    ("client", "server"),
    ("client_port", "server_port"),
    ("bytes_up", "bytes_down"),
    ("packets_up", "packets_down"),
)


def oriented(rows: pl.DataFrame, internal: Sequence[str]) -> pl.DataFrame:
    """`rows` with those of `one_way` turned so that the client is the client, and their `slice`."""
    one_way = rows["one_way"].fill_null(False)
    if not one_way.any():
        return rows
    here, there = pl.col("client_port"), pl.col("server_port")
    server_like = (here < _SERVICE) & (there >= _SERVICE) | (here < _EPHEMERAL) & (there >= _EPHEMERAL)
    client_like = (there < _SERVICE) & (here >= _SERVICE) | (there < _EPHEMERAL) & (here >= _EPHEMERAL)
    verdict = pl.when(server_like).then(True).when(client_like).then(False)
    backwards = rows.select(turned=verdict)["turned"]
    unclear = (backwards.is_null() & one_way).arg_true()
    if len(unclear):
        ours = _internal(rows["client"].gather(unclear), internal)
        theirs = _internal(rows["server"].gather(unclear), internal)
        backwards = backwards.scatter(unclear, ~ours & theirs)
    turned = (backwards.fill_null(False) & one_way).alias("turned")
    return rows.with_columns(turned).with_columns(*_turned(), slice=_slice()).drop("turned")


def _turned() -> list[pl.Expr]:
    pairs = [pair for one, other in _SWAPPED for pair in ((one, other), (other, one))]
    return [
        pl.when("turned").then(pl.col(there)).otherwise(pl.col(here)).alias(here) for here, there in pairs
    ]


def _slice() -> pl.Expr:
    number = pl.when("turned").then(1).otherwise(0)
    return pl.when(pl.col("one_way").fill_null(False)).then(number).otherwise("slice").cast(pl.Int64)


def _internal(addresses: pl.Series, networks: Sequence[str]) -> pl.Series:
    """Which addresses lie inside; once per unique one."""
    known = [ipaddress.ip_network(text, strict=False) for text in networks]
    inside = {text: _is_in(text, known) for text in addresses.unique().drop_nulls()}
    return addresses.replace_strict(inside, default=False, return_dtype=pl.Boolean)


def _is_in(text: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks if network.version == address.version)
