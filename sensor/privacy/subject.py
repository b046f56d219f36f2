"""Finds the rows of one person: the tokens of all names in all epochs, and the rows that belong to them.

A row belongs to a person if it has a token of the account, or if it has no account but an address the person
held at the time or a device the person owns. analytics/subject.py finds these, in the same way as figures are
attributed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from sensor import schema
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import token
from sensor.schema import Level


@dataclass(frozen=True)
class Subject:
    """The tokens of one person, the epochs whose keys were shredded, and the files of missing keys."""

    tokens: tuple[str, ...]
    shredded: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], keys: Keys, level: Level) -> Subject:
        """The tokens of a person's `names` (canonical) under all existing keys; at level `clear` also the
        names."""
        epochs = keys.epochs()
        tokens = [
            token(keys.of(epoch.number), epoch.number, "org", "user", name)
            for epoch in epochs
            if epoch.shredded_at is None
            for name in names
        ]
        clear = names if level == "clear" else []
        gone = tuple(epoch.number for epoch in epochs if epoch.shredded_at is not None)
        return cls(tuple(dict.fromkeys([*clear, *tokens])), gone, tuple(sorted(keys.missing)))

    def named(self, frame: pl.DataFrame) -> pl.Series:
        """True for the rows of `frame` whose `user_name` is one of the tokens."""
        return frame.select(pl.col("user_name").is_in(self.tokens).fill_null(False)).to_series()

    def leases_of(self, leases: pl.DataFrame, things: Sequence[str]) -> pl.Series:
        """True for leases that name the account, or no account and one of their devices (`things`)."""
        owned = pl.col("user_name").is_null() & (pl.col("device").is_in(things) | pl.col("mac").is_in(things))
        return leases.select(
            (pl.col("user_name").is_in(self.tokens) | owned).fill_null(False).alias("is_theirs")
        ).to_series()

    def rows_of(self, rows: pl.DataFrame, held: pl.DataFrame, things: Sequence[str]) -> pl.Series:
        """True for the rows of the person.

        `held` are the times of addresses held (site, address, valid_from, valid_to), `things` the devices.
        """
        nameless = pl.col("user_name").is_null()
        device = pl.col("device") if "device" in rows.columns else pl.lit(None, dtype=pl.String)
        own = rows.select(
            (pl.col("user_name").is_in(self.tokens) | (nameless & device.is_in(things)))
            .fill_null(False)
            .alias("own")
        ).to_series()
        return own | (during(rows, "client", held) & rows.select(nameless).to_series())


def during(rows: pl.DataFrame, column: str, held: pl.DataFrame) -> pl.Series:
    """True for rows whose address in `column` was held at their time."""
    asked = rows.select("site", pl.col(column).alias("address"), "seen_at").with_row_index("_row")
    then = (pl.col("valid_from") <= pl.col("seen_at")) & (
        pl.col("valid_to").is_null() | (pl.col("seen_at") < pl.col("valid_to"))
    )
    found = asked.join(held, on=["site", "address"]).filter(then)["_row"]
    return asked.select(pl.col("_row").is_in(found.implode()).alias("during")).to_series()


def erasures(subject: Subject, now: pl.Expr) -> pl.DataFrame:
    """Rows of the table `erasures` for all tokens of the person; `now` is the time of the request."""
    rows = pl.DataFrame({"token": list(subject.tokens)}, schema={"token": pl.String})
    return schema.ERASURES.conform(rows.with_columns(now.alias("erased_at")))
