"""One person's rows: the tokens of an account in every epoch, and which rows are theirs.

A row is a person's if it carries a token of the account, or if it carries an address (or device) alone
that a lease gave to the account at that time.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sensor import schema
from sensor.privacy.canonical import canonical_account
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import token
from sensor.schema import Level


@dataclass(frozen=True)
class Subject:
    """Tokens of one account, and the epochs in which they cannot be known any more."""

    tokens: tuple[str, ...]
    shredded: tuple[int, ...] = ()

    @classmethod
    def of(cls, account: str, keys: Keys, level: Level) -> Subject:
        """The tokens of an account (any case) under every key held; at level `clear` the account itself."""
        name = pl.select(canonical_account(pl.lit(account))).item() or account
        epochs = keys.epochs()
        tokens = [
            token(keys.of(epoch.number), epoch.number, "org", "user", name)
            for epoch in epochs
            if epoch.shredded_at is None
        ]
        clear = [name] if level == "clear" else []
        gone = tuple(epoch.number for epoch in epochs if epoch.shredded_at is not None)
        return cls(tuple(dict.fromkeys([*clear, *tokens])), gone)

    def named(self, frame: pl.DataFrame) -> pl.Series:
        """Rows (Boolean) that carry a token in `user_name`."""
        return frame.select(pl.col("user_name").is_in(self.tokens).fill_null(False)).to_series()

    def seen(self, sightings: pl.DataFrame, leases: pl.DataFrame) -> pl.Series:
        """Rows (Boolean) of sightings that are the person's; `leases` are those of the person."""
        held = leases.select("site", pl.col("address").alias("client"), "valid_from", "valid_to").unique()
        rows = sightings.select("site", "client", "seen_at", "user_name").with_row_index("_row")
        during = (pl.col("valid_from") <= pl.col("seen_at")) & (
            pl.col("valid_to").is_null() | (pl.col("seen_at") < pl.col("valid_to"))
        )
        nameless = rows.filter(pl.col("user_name").is_null())
        theirs = nameless.join(held, on=["site", "client"]).filter(during)["_row"]
        return rows.select(
            pl.col("user_name").is_in(self.tokens).fill_null(False) | pl.col("_row").is_in(theirs.implode())
        ).to_series()


def erasures(subject: Subject, now: pl.Expr) -> pl.DataFrame:
    """Rows of `erasures`: every token of the person, from `now` on."""
    rows = pl.DataFrame({"token": list(subject.tokens)}, schema={"token": pl.String})
    return schema.ERASURES.conform(rows.with_columns(now.alias("erased_at")))
