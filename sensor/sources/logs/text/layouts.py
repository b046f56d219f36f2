"""Formats with several layouts: each line goes to the first layout whose pattern it has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import polars as pl

from sensor.sources.logs.text.reasons import UNREADABLE

#: Lines of one layout to their rows.
Reader = Callable[[pl.DataFrame], pl.DataFrame]
Layout = tuple[str | pl.Expr, Reader]


def read(lines: pl.DataFrame, layouts: Sequence[Layout]) -> pl.DataFrame:
    """The rows of all layouts with column `row`, ordered by it.

    A layout is a pattern (or a Boolean expression over the columns of `lines`) and a function from
    such lines to `FIELDS`; its own `row`, if it has one, counts the lines it was handed. Lines
    without a layout get a `reason`.
    """
    left = lines.with_row_index("row")
    parts: list[pl.DataFrame] = []
    for pattern, reader in layouts:
        if left.is_empty():
            break
        test = pl.col("line").str.contains(pattern) if isinstance(pattern, str) else pattern
        mine = left.select(test.fill_null(False).alias("mine"))["mine"]
        part = left.filter(mine)
        if part.height:
            parts.append(_placed(reader(part.drop("row")), part["row"]))
            left = left.filter(~mine)
    if left.height or not parts:
        parts.append(left.select(pl.col("row").cast(pl.Int64), reason=pl.lit(UNREADABLE)))
    return pl.concat(parts, how="diagonal_relaxed").sort("row", maintain_order=True)


def set_aside(reason: str) -> Reader:
    """A layout all of whose lines are no observations, for `reason`."""
    return lambda lines: lines.select(reason=pl.when(True).then(pl.lit(reason)).otherwise("line"))


def conformed(read: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """The columns `names` of what one layout gave, NULL (String) where it has none of that name."""
    nothing = pl.lit(None, dtype=pl.String)
    missing = (nothing.alias(name) for name in names if name not in read.columns)
    return read.with_columns(missing).select(*names)


def _placed(rows: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    numbers = numbers.cast(pl.Int64)
    return rows.with_columns(row=numbers.gather(rows["row"]) if "row" in rows.columns else numbers)
