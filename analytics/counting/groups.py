"""Groups of subjects and their bytes, and the conditions for showing their figures. Pure.

A frame of *members* has a row per subject × department × app × day. `using`: the subject used the service
(grade 3 or more). `bytes_up`: what it sent, in bytes; `bytes_up_max`: the same, summed over all sensors;
`bytes_down`: what it received. Groups have the bytes of `bytes_up`; `measuring` puts another in its place.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

#: No subject may have sent, or received, more than this share of a shown sum of bytes.
DOMINANCE = 0.8

Figures = Literal["people", "sums", "bytes"]


def over_days(members: pl.DataFrame) -> pl.DataFrame:
    """Members of the whole period: a row per subject × department × app."""
    return members.group_by("subject", "department", "app").agg(
        pl.col("using").any(), pl.col("bytes_up", "bytes_up_max", "bytes_down").sum().cast(pl.Int64)
    )


def measuring(members: pl.DataFrame, measure: str) -> pl.DataFrame:
    """`members` with these bytes in the place of `bytes_up`."""
    return members.with_columns(bytes_up=pl.col(measure))


def groups(members: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Per group: number of subjects seen and using, bytes, and bytes of the largest sender."""
    # One row per subject, if a group spans several days or services.
    if not {"app", "day"} & set(members.columns) <= set(by):
        members = members.group_by(*by, "subject").agg(
            pl.col("using").any(), pl.col("bytes_up").sum().cast(pl.Int64)
        )
    return members.group_by(by).agg(
        seen=pl.len().cast(pl.Int64),
        using=pl.col("using").sum().cast(pl.Int64),
        bytes=pl.col("bytes_up").sum(),
        top=pl.col("bytes_up").max(),
    )


def safe(k: int) -> pl.Expr:
    """Condition: at least k subjects, of which none or at least k use the service."""
    return (pl.col("seen") >= k) & ((pl.col("using") == 0) | (pl.col("using") >= k))


def even() -> pl.Expr:
    """Condition: no subject sent more than DOMINANCE of the bytes."""
    return pl.col("top") <= DOMINANCE * pl.col("bytes")


def need() -> pl.Expr:
    """Bytes of other subjects that a group lacks to be even."""
    return pl.col("top") / DOMINANCE - pl.col("bytes")


def cheapest(figures: Figures) -> list[pl.Expr]:
    """Sort keys for the part to hide next.

    For people and sums, the smallest part comes first. For bytes, small parts do not help against a dominant
    sender, and hiding them one after another would empty the table. So the smallest part that makes the
    hidden parts even comes first, or else the largest.
    """
    if figures != "bytes":
        return [pl.col("seen"), pl.col("using"), pl.col("bytes")]
    enough = pl.col("bytes") >= pl.col("need")
    return [~enough, pl.when(enough).then(pl.col("bytes")).otherwise(-pl.col("bytes")), pl.col("seen")]
