"""A cache of values that match nothing, so that frequent unknown names cost only one comparison.

Clearing it changes no result. Values are stored as 64-bit hashes with a random seed per process, so that
nobody can craft a name whose hash hides another one.
"""

from __future__ import annotations

import secrets

import polars as pl

#: Maximum values per column, 8 bytes each. A full column is cleared.
MAX_VALUES = 2_000_000
#: Minimum rows of a frame: for smaller ones, lookups are faster than caching.
MIN_ROWS = 50_000


class Misses:
    """Hashes of values that match nothing, by column."""

    def __init__(self, *, max_values: int = MAX_VALUES, min_rows: int = MIN_ROWS) -> None:
        self._seed = secrets.randbits(63)
        self._max_values, self._min_rows = max_values, min_rows
        self._known: dict[str, pl.Series] = {}

    def may_hit(self, frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.Expr:
        """True for rows of `frame` with a value in any of `columns` that is not a known miss."""
        return pl.any_horizontal(
            pl.lit(False), *(self._is_new(frame, column) for column in columns if column in frame.columns)
        )

    def learn(self, column: str, values: pl.Series, rows: int) -> None:
        """Adds the unique `values` of `column` as misses; they come from a frame of `rows` rows."""
        if rows < self._min_rows or values.is_empty():
            return
        fresh = values.hash(self._seed)
        known = self._known.get(column, fresh.clear())
        if known.len() + fresh.len() > self._max_values:
            known = known.clear()
        self._known[column] = pl.concat([known, fresh.head(self._max_values)]).unique()

    def _is_new(self, frame: pl.DataFrame, column: str) -> pl.Expr:
        some = pl.col(column).is_not_null()
        if frame[column].null_count() == frame.height:
            return pl.lit(False)
        known = self._known.get(column)
        if known is None or frame.height < self._min_rows:
            return some
        return some & ~pl.col(column).hash(self._seed).is_in(known.implode())
