"""A column of text as its distinct values and, row by row, which of them: what is told of a value is worked
out once. Numbering costs about as much as looking for a regular expression, more where most values differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from weakref import WeakValueDictionary

import polars as pl

#: What the values of a `Vocabulary` may take, with `_EACH` for what was told of each, until it is full.
MAX_REMEMBERED_BYTES, _EACH = 8 << 20, 100

#: What tells something of texts: a frame of a row each, NULL for NULL; it asks for nothing else.
Read = Callable[[pl.Series], pl.DataFrame]


@dataclass(frozen=True)
class Coded:
    """A String column of length n: `values` (distinct, no NULL) and `codes` (UInt32, n; NULL where it is)."""

    values: pl.Series
    codes: pl.Series

    @classmethod
    def of(cls, column: pl.Series) -> Coded:
        """Number the values of `column` by their first appearance."""
        if column.null_count() == len(column):
            nothing = pl.repeat(None, len(column), dtype=pl.UInt32, eager=True)
            return cls(pl.Series(column.name, [], dtype=pl.String), nothing)
        coded = column.cast(pl.Categorical(pl.Categories.random()))
        codes = coded.to_physical()
        return cls(_values(coded.dtype, 0, int(codes.max()) + 1), codes)  # type: ignore[arg-type]

    def each(self, results: pl.Series) -> pl.Series:
        """`results`, one for each of `values`, row by row; NULL where the column is."""
        return results[self.codes] if len(results) else results.clear(len(self.codes))


class Vocabulary:
    """Values of a text column that comes block by block: each keeps its number, and what was told of it.

    It only grows: its owner begins another when it `is_full`. A column is known by its type.
    """

    def __init__(self) -> None:
        #: Categorical; the values are numbered as they are cast to it
        self.dtype = pl.Categorical(pl.Categories.random())
        self._numbers = pl.Series([], dtype=self.dtype)  # Polars forgets them with the last column
        self._known: dict[tuple[Read, bool], pl.DataFrame] = {}
        self._of_texts: dict[tuple[Read, str], Vocabulary] = {}
        self._counted = self._bytes = 0
        self._lock = Lock()
        _LIVING[self.dtype.categories] = self

    @property
    def is_full(self) -> bool:
        """Do its values take so much that another should be begun?"""
        return self._bytes > MAX_REMEMBERED_BYTES

    def results(self, codes: pl.Series, read: Read, *, coded: bool) -> pl.DataFrame:
        """What `read` tells of the values with these numbers (UInt32), row by row; `coded`: texts among it
        are Categorical, of a vocabulary each."""
        end = 0 if codes.null_count() == len(codes) else int(codes.max()) + 1  # type: ignore[arg-type]
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
    """The values of a Categorical type with these numbers."""
    return pl.select(pl.int_range(begin, end, dtype=pl.UInt32).cat.to(dtype).cast(pl.String)).to_series()


def by_value(column: pl.Series, read: Read) -> pl.DataFrame:
    """What `read`, a cheap look, tells of `column` row by row; of one that has a `Vocabulary` once per value,
    and then texts are Categorical, too."""
    vocabulary = _vocabulary(column)
    if vocabulary is None:
        return read(column.cast(pl.String))
    return vocabulary.results(column.to_physical(), read, coded=True)


def _vocabulary(column: pl.Series) -> Vocabulary | None:
    return _LIVING.get(column.dtype.categories) if isinstance(column.dtype, pl.Categorical) else None


class Remembered:
    """What `read` (a decorated function) tells of texts, worked out once for each value however often it
    comes, in whatever block; forgetting changes no result.
    """

    def __init__(self, read: Read) -> None:
        self._read, self._lock = read, Lock()
        self._own = Vocabulary()

    @cached_property
    def _nothing(self) -> pl.DataFrame:
        return self._read(pl.Series([], dtype=pl.String))

    def __call__(self, texts: pl.Series, *, often: bool | None = None) -> pl.DataFrame:
        """What is told of each of `texts` (String or Categorical), row by row; values that hardly ever come
        again are read and not remembered: `often` says whether these do, where they do not show it."""
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
    """Do enough of the values come again to work with the distinct ones? Told by the first of them."""
    first = column.head(_SAMPLE)
    return first.n_unique() <= max(1, len(first) * _WORTH)


_SAMPLE, _WORTH = 4096, 0.75
