"""Leases: who held which address, from when to when. They end when they are given up, even in a later block.

A lease that is stored cannot be changed, but it can be stored again: with the time at which it was given up,
and `closed`. The store and the views then use that row, because it has the same key.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from sensor import schema

#: Leases remembered that may still be given up, the newest; about 200 bytes each.
MAX_LEASES = 200_000

_BY = ("address", "origin")


def reported(rows: pl.DataFrame, vantage: str) -> pl.DataFrame:
    """Finished rows of kind `lease` with the columns of the table `leases`, and `closes` (given up)."""
    begin = pl.coalesce("lease_from", "seen_at")
    held = pl.duration(microseconds=(pl.col("lease_s") * 1_000_000).cast(pl.Int64, strict=False))
    closes = pl.col("closes").fill_null(False)
    return rows.select(
        "user_name",
        "device",
        "shared",
        closes.alias("closes"),
        address="client",
        mac="client_mac",
        valid_from=begin,
        valid_to=pl.coalesce("lease_to", pl.when(closes).then("at"), begin + held),
        origin=pl.coalesce("origin", pl.lit(vantage)),
        confidence=pl.col("confidence").fill_null(0.9),
    )


class LeaseTracker:
    """Remembers leases that have not ended, across blocks (privacy/rotation.py does so across epochs)."""

    def __init__(self) -> None:
        self._held = schema.LEASES.empty()
        #: newest beginning in the latest block with leases
        self._newest: object = None

    def update(self, reported: pl.DataFrame) -> pl.DataFrame:
        """The leases to be stored for those `reported` (table LEASES, and `closes`: given up at `valid_to`).

        A lease ends at the next row after its beginning that closes its address. Rows that end when they
        begin only close others, and are not stored.
        """
        if reported.is_empty():
            return schema.LEASES.empty()
        fresh = schema.LEASES.conform(reported)
        ends = reported.filter("closes").select(*_BY, closed_at="valid_to").drop_nulls().sort("closed_at")
        both = pl.concat([self._held.with_columns(old=pl.lit(True)), fresh.with_columns(old=pl.lit(False))])
        if not ends.is_empty():
            both = _cut(both, ends)
        lasts = pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("valid_from"))
        both = both.filter(lasts.fill_null(False))
        is_closed = pl.col("closed").fill_null(False)
        # Over is what two blocks say is over: one line of a wrong clock must not end all others.
        before, self._newest = self._newest, fresh["valid_from"].max()
        self._held = _may_end(both.filter(~is_closed).drop("old"), before, self._newest)
        return schema.LEASES.conform(both.filter(~pl.col("old") | is_closed))


def _cut(leases: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    numbered = leases.with_row_index("number").sort("valid_from")
    cut = numbered.join_asof(
        ends,
        left_on="valid_from",
        right_on="closed_at",
        by=list(_BY),
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    ).sort("number")
    sooner = pl.col("closed_at") <= pl.coalesce("valid_to", "closed_at")
    return cut.with_columns(
        closed=pl.when(sooner.fill_null(False)).then(pl.lit(True)).otherwise("closed"),
        valid_to=pl.min_horizontal("valid_to", "closed_at"),
    ).drop("number", "closed_at")


def _may_end(leases: pl.DataFrame, *newest: object) -> pl.DataFrame:
    """Those that can still be given up after these times: later lines are about later times."""
    known = [time for time in newest if isinstance(time, datetime)]
    if len(known) == len(newest):
        now = pl.lit(min(known), dtype=schema.TIME)
        leases = leases.filter((pl.col("valid_to") > now).fill_null(True))
    key = [name for name in schema.LEASES.key if name != "site"]
    return leases.unique(key, keep="last", maintain_order=True).tail(MAX_LEASES)
