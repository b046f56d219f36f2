"""Lines of which one reader takes some and another the others: what they found completes each other."""

from __future__ import annotations

import polars as pl


def only(values: pl.Series, mask: pl.Series) -> pl.Series:
    """`values` where `mask` is true, NULL in the other rows."""
    return pl.select(pl.when(mask).then(values)).to_series()


def either(one: pl.Series, other: pl.Series) -> pl.Series:
    """`one`, or `other` where it is NULL."""
    return pl.select(pl.coalesce(one, other)).to_series()


def filled(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """`one`, its NULLs filled from the columns of `other` that have the same names."""
    return one.with_columns(either(one[name], other[name]) for name in one.columns if name in other.columns)
