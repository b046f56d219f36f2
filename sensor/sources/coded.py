"""A column of text as its distinct values and, row by row, which of them: what is told of a value is worked
out once. Numbering costs about as much as looking for a regular expression, more where most values differ.
"""

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
        """Number the values of `column` by their first appearance; a Categorical one is numbered already."""
        if column.null_count() == len(column):
            nothing = pl.repeat(None, len(column), dtype=pl.UInt32, eager=True)
            return cls(pl.Series(column.name, [], dtype=pl.String), nothing)
        is_coded = isinstance(column.dtype, pl.Categorical)
        coded = column if is_coded else column.cast(pl.Categorical(pl.Categories.random()))
        codes = coded.to_physical()
        # The values are forgotten with the last column that has them.
        every = pl.int_range(int(codes.max()) + 1, dtype=pl.UInt32)  # type: ignore[arg-type]
        return cls(pl.select(every.cat.to(coded.dtype).cast(pl.String)).to_series(), codes)

    def each(self, told: pl.Series) -> pl.Series:
        """`told`, one for each of `values`, row by row; NULL where the column is."""
        return told.gather(self.codes) if len(told) else told.clear(len(self.codes))

    def recode(self, told: pl.Series) -> pl.Series:
        """`told` (String, one for each of `values`) row by row, as a Categorical column."""
        numbered = told.cast(pl.Categorical(pl.Categories.random()))
        if numbered.null_count() == len(numbered):
            return numbered.clear(len(self.codes))
        codes = numbered.to_physical().cast(pl.UInt32).gather(self.codes)
        return pl.select(pl.lit(codes).cat.to(numbered.dtype)).to_series().alias(told.name)


def repeats(column: pl.Series) -> bool:
    """Do enough of the values come again to work with the distinct ones? Told by the first of them."""
    if isinstance(column.dtype, pl.Categorical):
        return True
    first = column.head(_SAMPLE)
    return first.n_unique() <= max(1, len(first) * _WORTH)


_SAMPLE, _WORTH = 4096, 0.75
