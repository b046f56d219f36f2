"""A column of text as its distinct values and, row by row, which of them: what is told of a value is worked
out once. Numbering a column costs about as much as looking for one regular expression in it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Coded:
    """A String column of length n: `values` (distinct, no NULL) and `codes` (UInt32, n; NULL where it is)."""

    values: pl.Series
    codes: pl.Series

    @classmethod
    def of(cls, column: pl.Series) -> Coded:
        """Number the values of `column` by their first appearance."""
        if column.null_count() == len(column):
            return cls(column.clear(), pl.repeat(None, len(column), dtype=pl.UInt32, eager=True))
        categories = pl.Categories.random()
        coded = column.cast(pl.Categorical(categories))
        return cls(categories.to_series(), coded.to_physical())

    def each(self, told: pl.Series) -> pl.Series:
        """`told`, one for each of `values`, row by row; NULL where the column is."""
        return told.gather(self.codes)

    def where(self, is_so: pl.Series) -> pl.Series:
        """True for the rows with a value of which `is_so` (one for each of `values`) is true; never NULL."""
        return self.each(is_so).fill_null(False)

    def among(self, chosen: pl.Series) -> pl.Series:
        """True for the rows whose value is one of `chosen`; never NULL."""
        return self.where(self.values.is_in(chosen.implode()))
