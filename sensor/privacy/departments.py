"""Small departments: whose only member is known needs no key to be found behind a token.

The figures pool departments too small to name anyway (analytics/marts/ksafe.py); here their names are
taken from the tokens of their members, before these are stored.
"""

from __future__ import annotations

import polars as pl

#: what the figures call small departments, too
OTHER = "other"


def without_small(directory: pl.DataFrame, k: int) -> pl.DataFrame:
    """Rows of `directory` (clear accounts, whole), departments of fewer than k people called `other`.

    Machine and service accounts are nobody: they make no department larger.
    """
    if directory.is_empty():
        return directory
    person = pl.col("kind").is_in(["machine", "service"]).fill_null(False).not_()
    size = pl.when(person).then("user_name").drop_nulls().n_unique().over("department")
    named = pl.col("department").is_null() | (size >= k)
    return directory.with_columns(
        pl.when(named).then("department").otherwise(pl.lit(OTHER)).alias("department")
    )
