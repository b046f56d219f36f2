"""Columns of text as distinct values and codes, so that functions of a text run once per distinct value.

`Coded` does so for one column, `Vocabulary` for a column that comes block by block, `Remembered` wraps a
function. Numbering the values of a column costs about as much as searching it for a regular expression, more
if most values are distinct.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from weakref import WeakValueDictionary

import polars as pl

#: Memory that the values of a `Vocabulary` may take until it is full, with `_EACH` bytes for the results of
#: each.
MAX_REMEMBERED_BYTES, _EACH = 8 << 20, 100
#: A column is judged by so many of its first rows; it repeats if at most this share of them is distinct.
_SAMPLE, _WORTH = 4096, 0.75

#: A pure function of texts: takes a String column, returns a frame with one row each; NULL gives NULL.
Read = Callable[[pl.Series], pl.DataFrame]


@dataclass(frozen=True)
class Coded:
    """A String column as distinct `values` (no NULL) and, per row, `codes` (UInt32 index into them, or
    NULL)."""

    values: pl.Series
    codes: pl.Series

    @classmethod
    def of(cls, column: pl.Series) -> Coded:
        """`column` with its values numbered in the order of first appearance."""
        if column.null_count() == len(column):
            nothing = pl.repeat(None, len(column), dtype=pl.UInt32, eager=True)
            return cls(pl.Series(column.name, [], dtype=pl.String), nothing)
        coded = column.cast(pl.Categorical(pl.Categories.random()))
        codes = coded.to_physical()
        return cls(_values(coded.dtype, 0, int(codes.max()) + 1), codes)  # type: ignore[arg-type]  # numbers

    def each(self, results: pl.Series) -> pl.Series:
        """`results`, which has one for each of `values`, spread to the rows; NULL where the column is
        NULL."""
        return results[self.codes] if len(results) else results.clear(len(self.codes))


class Vocabulary:
    """The distinct values of a text column that comes block by block, with the results computed for them.

    It only grows; its owner starts another one when it `is_full`. Columns cast to its `dtype` belong to it:
    that is how `by_value` finds the vocabulary of a column.
    """

    def __init__(self) -> None:
        #: Categorical; casting a column to it numbers new values
        self.dtype = pl.Categorical(pl.Categories.random())
        # keeps the categories alive: Polars drops them with the last column that uses them
        self._numbers = pl.Series([], dtype=self.dtype)
        self._known: dict[tuple[Read, bool], pl.DataFrame] = {}
        self._of_texts: dict[tuple[Read, str], Vocabulary] = {}
        self._counted = self._bytes = 0
        self._lock = Lock()
        _LIVING[self.dtype.categories] = self

    @property
    def is_full(self) -> bool:
        """True once its values take so much memory that another one should be started."""
        return self._bytes > MAX_REMEMBERED_BYTES

    def results(self, codes: pl.Series, read: Read, *, coded: bool) -> pl.DataFrame:
        """`read` of the values with these codes (UInt32), one row per code; computed once per value.

        With `coded`, String columns of the result become Categorical, each with a vocabulary of its own.
        Thread-safe.
        """
        end = 0 if codes.null_count() == len(codes) else int(codes.max()) + 1  # type: ignore[arg-type]  # numbers
        with self._lock:
            known = self._known.get((read, coded))
            begin = 0 if known is None else known.height
            if known is None or begin < end:
                fresh = read(self._values(begin, end))
                if coded:
                    fresh = fresh.with_columns(
                        self._of_text(read, text) for text in fresh.select(pl.col(pl.String))
                    )
                known = fresh if known is None else pl.concat([known, fresh], rechunk=True)
                self._known[read, coded] = known
        return known[codes] if known.height else known.clear(len(codes))

    def _values(self, begin: int, end: int) -> pl.Series:
        values = _values(self.dtype, begin, end)
        if end > self._counted:
            new = values.tail(end - self._counted)
            self._bytes += int(new.str.len_bytes().sum()) + _EACH * len(new)
            self._counted = end
        return values

    def _of_text(self, read: Read, text: pl.Series) -> pl.Series:
        if (read, text.name) not in self._of_texts:
            self._of_texts[read, text.name] = Vocabulary()
        return text.cast(self._of_texts[read, text.name].dtype)


_LIVING: WeakValueDictionary[pl.Categories, Vocabulary] = WeakValueDictionary()


def _values(dtype: pl.DataType, begin: int, end: int) -> pl.Series:
    """The values of a Categorical type with the codes from `begin` to before `end`."""
    return pl.select(pl.int_range(begin, end, dtype=pl.UInt32).cat.to(dtype).cast(pl.String)).to_series()


def by_value(column: pl.Series, read: Read) -> pl.DataFrame:
    """`read` of `column`, row by row; once per value if the column belongs to a `Vocabulary`.

    String columns of the result are Categorical then. For cheap functions: other columns are not numbered.
    """
    vocabulary = _vocabulary(column)
    if vocabulary is None:
        return read(column.cast(pl.String))
    return vocabulary.results(column.to_physical(), read, coded=True)


def _vocabulary(column: pl.Series) -> Vocabulary | None:
    return _LIVING.get(column.dtype.categories) if isinstance(column.dtype, pl.Categorical) else None


class Remembered:
    """Decorator: makes a function of texts remember its results, across calls, once per distinct value.

    What is remembered is bounded; forgetting changes no result.
    """

    def __init__(self, read: Read) -> None:
        self._read, self._lock = read, Lock()
        self._own = Vocabulary()

    @cached_property
    def _nothing(self) -> pl.DataFrame:
        return self._read(pl.Series([], dtype=pl.String))

    def __call__(self, texts: pl.Series, *, often: bool | None = None) -> pl.DataFrame:
        """The function's results for `texts` (String or Categorical), one row each.

        Texts of which few repeat are not remembered. Whether these do is judged by the first of them, unless
        `often` says so.
        """
        if texts.null_count() == len(texts):
            return self._nothing.clear(len(texts))
        if vocabulary := _vocabulary(texts):
            return vocabulary.results(texts.to_physical(), self._read, coded=False)
        texts = texts.cast(pl.String)
        if not (repeats(texts) if often is None else often):
            return self._read(texts)
        with self._lock:
            if self._own.is_full:
                self._own = Vocabulary()
            own, codes = self._own, texts.cast(self._own.dtype).to_physical()
        return own.results(codes, self._read, coded=False)


def repeats(column: pl.Series) -> bool:
    """True if enough values of `column` repeat for working with distinct ones to pay; judged by the first."""
    first = column.head(_SAMPLE)
    return first.n_unique() <= max(1, len(first) * _WORTH)
