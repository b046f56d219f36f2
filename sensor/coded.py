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
        """Number the values of `column` by their first appearance."""
        if column.null_count() == len(column):
            return cls(column.clear(), pl.repeat(None, len(column), dtype=pl.UInt32, eager=True))
        coded = column.cast(pl.Categorical(pl.Categories.random()))
        codes = coded.to_physical()
        # The values are forgotten with the last column that has them.
        every = pl.int_range(int(codes.max()) + 1, dtype=pl.UInt32, eager=True)  # type: ignore[arg-type]
        return cls(every.cat.to(coded.dtype).cast(pl.String), codes)

    def each(self, told: pl.Series) -> pl.Series:
        """`told`, one for each of `values`, row by row; NULL where the column is."""
        return told.gather(self.codes) if len(told) else told.clear(len(self.codes))


def repeats(column: pl.Series) -> bool:
    """Do enough of the values come again to work with the distinct ones? Told by the first of them."""
    first = column.head(_SAMPLE)
    return first.n_unique() <= max(1, len(first) * _WORTH)


_SAMPLE, _WORTH = 4096, 0.75
