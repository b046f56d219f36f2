"""Joins one-way flow records (NetFlow, VPC flow logs, EVE netflow) to connections.

Such a record only counts what one side sent within a minute or so; the other direction, and the next minute,
are records of their own. Each becomes a row that knows which side is the client (`oriented`) and which
connection it belongs to (`Pairs`). The first one is slice 0; the others are further slices with the same
`started_at`. So a connection is counted once, with its bytes in both directions. Nothing is held back, and no
row depends on where blocks are cut.

If several observers (interfaces, exporters, both ends) report the same direction of a connection, the first
one counts, and records of the others are set aside. If it falls silent while they go on (a router failed),
the rest is another connection, of which the next one counts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from sensor import schema
from sensor.sources.logs.text.reasons import TWICE

#: A connection silent for longer is another one; flow logs report at least every 10 minutes (VPC).
IDLE = timedelta(minutes=15)
#: Connections remembered, the latest; about 150 bytes each.
MAX_CONNECTIONS = 400_000
#: Times that another observer of a connection may take over within a block.
MOST_TAKEOVERS = 8

#: Ports below `_SERVICE` are assigned to services, those from `EPHEMERAL` on are chosen by clients (RFC 6335,
#: Linux defaults).
_SERVICE, EPHEMERAL = 1024, 32768
_SWAPPED = (
    ("client", "server"),
    ("client_port", "server_port"),
    ("bytes_up", "bytes_down"),
    ("packets_up", "packets_down"),
)
#: What a record says about its source. If that is the server, nothing is known about the client.
_OF_SOURCE = ("client_mac", "user_name", "device")


def oriented(rows: pl.DataFrame, internal: Sequence[str]) -> pl.DataFrame:
    """`rows` with those that are `one_way` turned so that `client` is the client, and with their `slice`."""
    one_way = rows["one_way"].fill_null(False)
    if not one_way.any():
        return rows
    here, there = pl.col("client_port"), pl.col("server_port")
    server_like = (here < _SERVICE) & (there >= _SERVICE) | (here < EPHEMERAL) & (there >= EPHEMERAL)
    client_like = (there < _SERVICE) & (here >= _SERVICE) | (there < EPHEMERAL) & (here >= EPHEMERAL)
    verdict = pl.when(server_like).then(True).when(client_like).then(False)
    backwards = rows.select(turned=verdict)["turned"]
    unclear = (backwards.is_null() & one_way).arg_true()
    if len(unclear):
        ours = _internal(rows["client"].gather(unclear), internal)
        theirs = _internal(rows["server"].gather(unclear), internal)
        backwards = backwards.scatter(unclear, ~ours & theirs)
    marked = rows.with_columns(turned=backwards.fill_null(False) & one_way)
    return marked.with_columns(*turned_around(pl.col("turned")), slice=_slice()).drop("turned")


def turned_around(where: pl.Expr) -> list[pl.Expr]:
    """The columns of both ends, exchanged in the rows `where` the record's source is the server."""
    pairs = [pair for one, other in _SWAPPED for pair in ((one, other), (other, one))]
    return [
        *(pl.when(where).then(there).otherwise(here).alias(here) for here, there in pairs),
        *(pl.when(~where).then(name).alias(name) for name in _OF_SOURCE),
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


#: What is remembered of a connection; `low` is the end whose address comes first, as text.
_KEPT: dict[str, pl.DataType | type[pl.DataType]] = {
    "key": pl.UInt64,
    "low_is_client": pl.Boolean,
    "began": schema.TIME,
    "last": schema.TIME,
    "lines": pl.Int64,
    **{f"observer_{end}": pl.String for end in ("low", "high")},
    **{f"bytes_{end}": pl.Int64 for end in ("low", "high")},
}


class Pairs:
    """Remembers connections of one-way records across blocks."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema=_KEPT)

    def take(self, finished: pl.DataFrame) -> pl.DataFrame:
        """`finished` (of `finish.rows`) with slices, starts and totals; only rows that are `one_way`
        change."""
        ours = (finished["one_way"] & finished["reason"].is_null()).fill_null(False)
        if not ours.any():
            return finished
        rows = _records(finished.with_row_index("place").filter(ours))
        oldest = pl.lit(rows["began"].min(), dtype=schema.TIME)
        known = self._known.filter(pl.col("last") >= oldest - IDLE)
        affected = known.join(rows.select("key").unique(), on="key", how="semi")
        paired = _connected(pl.concat([affected, rows], how="diagonal"))
        latest = paired.unique("key", keep="last", maintain_order=True).select(_KEPT.keys())
        self._known = pl.concat([known.join(affected, on="key", how="anti"), latest]).tail(MAX_CONNECTIONS)
        return _put(finished, paired.drop_nulls("place").sort("place"))


def _records(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of `_KEPT` as each record says them, and whether `low` sent it."""
    client, server = (
        pl.concat_str(pl.col(end), pl.col(f"{end}_port").cast(pl.String), separator="|", ignore_nulls=True)
        for end in ("client", "server")
    )
    both = (pl.min_horizontal(client, server), pl.max_horizontal(client, server))
    lasted = pl.duration(microseconds=(pl.col("duration_s").fill_null(0) * 1_000_000).cast(pl.Int64))
    sent = rows.select(
        "place",
        "observer",
        key=pl.concat_str("transport", *both, separator="|", ignore_nulls=True).hash(),
        low_is_client=client <= server,
        from_low=(client <= server) == (pl.col("slice") == 0),
        began="seen_at",
        last=pl.col("seen_at") + lasted,
        lines=pl.lit(1, dtype=pl.Int64),
        bytes=pl.coalesce("bytes_up", "bytes_down"),
    )
    low = pl.when("from_low")
    high = pl.when(~pl.col("from_low"))
    return sent.select(
        pl.exclude("observer", "bytes"),
        *(end.then(name).alias(f"{name}_{side}") for name in ("observer", "bytes")
          for side, end in (("low", low), ("high", high))),
    )  # fmt: skip


def _grouped(both: pl.DataFrame, opens: pl.Series, takeovers: int = MOST_TAKEOVERS) -> pl.DataFrame:
    """`both` with the `group` of each record, which begins where `opens`; the first observer in the group of
    what its sender sent; and `twice`, whether that is another one's.

    A record also begins a group if what counted in its own ended long before: another observer takes over.
    """
    ends = ("low", "high")
    grouped = both.with_columns(group=opens.cum_sum()).with_columns(
        *(pl.col(f"observer_{end}").drop_nulls().first().over("group") for end in ends),
        *(pl.col(f"observer_{end}").alias(f"own_{end}") for end in ends),
    )
    twice = pl.any_horizontal(
        pl.col(f"own_{end}").is_not_null() & (pl.col(f"own_{end}") != pl.col(f"observer_{end}"))
        for end in ends
    )
    grouped = grouped.with_columns(twice=twice)
    until = pl.when(~pl.col("twice")).then("last").cum_max().forward_fill().shift().over("group")
    late = (pl.col("began") - until > IDLE).fill_null(False)
    first_late = grouped.select(late & (late.cum_sum().over("group") == 1)).to_series()
    if not takeovers or not first_late.any():
        return grouped
    return _grouped(both, opens | first_late, takeovers - 1)


def _connected(both: pl.DataFrame) -> pl.DataFrame:
    """By connection, what is known before the records: at each, what is known then and what it changes."""
    both = both.sort("key", maintain_order=True)
    until = pl.col("last").cum_max().shift().over("key")
    opens = both.select(until.is_null() | (pl.col("began") - until > IDLE)).to_series()
    both, twice = _grouped(both, opens), pl.col("twice")
    counted = pl.when(~twice)
    lines = counted.then("lines").otherwise(0)
    return both.with_columns(
        reason=pl.when(twice).then(pl.lit(TWICE)),
        slice=(lines.cum_sum() - lines).over("group"),
        lines=lines.cum_sum().over("group"),
        began=pl.col("began").first().over("group"),
        last=counted.then("last").cum_max().forward_fill().over("group"),
        turned=pl.col("low_is_client") != pl.col("low_is_client").first().over("group"),
        low_is_client=pl.col("low_is_client").first().over("group"),
        **{
            f"bytes_{end}": counted.then(f"bytes_{end}").cum_sum().forward_fill().over("group")
            for end in ("low", "high")
        },
    )


def _put(finished: pl.DataFrame, paired: pl.DataFrame) -> pl.DataFrame:
    """`finished` with the columns its connections change; `paired` has one row per one-way record in use."""
    low = pl.when("low_is_client")
    changes = paired.select(
        "place",
        "reason",
        "turned",
        slice="slice",
        started_at="began",
        total_bytes_up=low.then("bytes_low").otherwise("bytes_high"),
        total_bytes_down=low.then("bytes_high").otherwise("bytes_low"),
    )
    placed = pl.DataFrame({"place": pl.int_range(finished.height, dtype=pl.UInt32, eager=True)})
    beside = placed.join(changes, on="place", how="left", maintain_order="left").rename(
        lambda name: f"new_{name}"
    )
    return (
        finished.hstack(beside)
        .with_columns(turned=pl.col("new_turned").fill_null(False))
        .with_columns(
            *turned_around(pl.col("turned")),
            *(
                pl.coalesce(f"new_{name}", name).alias(name)
                for name in changes.columns
                if name not in ("place", "turned")
            ),
        )
        .select(finished.columns)
    )
