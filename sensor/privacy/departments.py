"""Pools small departments in the directory: in a department of one, the department identifies the person.

Published figures pool small departments anyway (analytics/counting/ksafe.py). Here their names are not even
stored beside the tokens of their members.
"""

from __future__ import annotations

import polars as pl

#: name of the pool, as in published figures
OTHER = "other"


def without_small(directory: pl.DataFrame, k: int) -> pl.DataFrame:
    """`directory` with `other` in place of departments of fewer than `k` people.

    It must contain all accounts, in clear. Machine and service accounts are not people.
    """
    if directory.is_empty():
        return directory
    person = pl.col("kind").is_in(["machine", "service"]).fill_null(False).not_()
    size = pl.when(person).then("user_name").drop_nulls().n_unique().over("department")
    named = pl.col("department").is_null() | (size >= k)
    return directory.with_columns(
        pl.when(named).then("department").otherwise(pl.lit(OTHER)).alias("department")
    )
