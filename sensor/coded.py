"""A column of text as its distinct values and, row by row, which of them: what is told of a value is worked
out once. Numbering costs about as much as looking for a regular expression, more where most values differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import polars as pl

#: Of a `Remembered`: what its values may take, with `_EACH` for what was told of each; beyond this it starts
#: anew.
MAX_REMEMBERED_BYTES, _EACH = 8 << 20, 100


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
        return told[self.codes] if len(told) else told.clear(len(self.codes))

    def recode(self, told: pl.Series) -> pl.Series:
        """`told` (String, one for each of `values`) row by row, as a Categorical column."""
        return self.each(told.cast(pl.Categorical(pl.Categories.random())))


class Remembered:
    """What `read` tells of texts, worked out once for each value however often it comes, in whatever block.

    `read` (a decorated function) gives a frame of one row for each of its texts, NULL for NULL, and asks for
    nothing else: forgetting changes no result.
    """

    def __init__(self, read: Callable[[pl.Series], pl.DataFrame]) -> None:
        self._read, self._lock = read, Lock()
        self._begin()

    def _begin(self) -> None:
        #: what was told of each value, in the order they came; a column by which their numbers are kept
        self._told: pl.DataFrame | None = None
        self._numbers = pl.Series([], dtype=pl.Categorical(pl.Categories.random()))
        self._bytes = 0

    @cached_property
    def _nothing(self) -> pl.DataFrame:
        return self._read(pl.Series([], dtype=pl.String))

    def __call__(self, texts: pl.Series) -> pl.DataFrame:
        """What is told of each of `texts` (String or Categorical), row by row; values that hardly ever come
        again are read and not remembered."""
        if texts.null_count() == len(texts):
            return self._nothing.clear(len(texts))
        if not repeats(texts):
            return self._read(texts)
        coded = Coded.of(texts) if isinstance(texts.dtype, pl.Categorical) else None
        with self._lock:
            if self._bytes > MAX_REMEMBERED_BYTES:
                self._begin()
            rows = (texts if coded is None else coded.values).cast(self._numbers.dtype).to_physical()
            told = self._up_to(rows.max())  # type: ignore[arg-type]
        return told[rows if coded is None else rows[coded.codes]]

    def _up_to(self, newest: int) -> pl.DataFrame:
        """What is told of all values up to the one numbered `newest`."""
        known = 0 if self._told is None else self._told.height
        if self._told is None or newest >= known:
            fresh = pl.int_range(known, newest + 1, dtype=pl.UInt32).cat.to(self._numbers.dtype)
            values = pl.select(fresh.cast(pl.String)).to_series()
            told = self._read(values)
            self._told = told if self._told is None else pl.concat([self._told, told], rechunk=True)
            self._bytes += int(values.str.len_bytes().sum()) + _EACH * len(values)
        return self._told


def repeats(column: pl.Series) -> bool:
    """Do enough of the values come again to work with the distinct ones? Told by the first of them."""
    if isinstance(column.dtype, pl.Categorical):
        return True
    first = column.head(_SAMPLE)
    return first.n_unique() <= max(1, len(first) * _WORTH)


_SAMPLE, _WORTH = 4096, 0.75
