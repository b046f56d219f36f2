"""Remembers the DNS answers that clients got, bounded in age and number."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor import schema

#: An answer names connections at least this long, whatever its TTL.
STALENESS = timedelta(hours=1)
#: No TTL is believed beyond this (RFC 8767 caps what is kept at days; a week is a mistake).
MAX_AGE = timedelta(days=1)
#: Answers kept; about 200 bytes each. The oldest go first, and `dropped` counts them.
MAX_ANSWERS = 1_000_000

#: Batches of answers kept apart before they are put together.
MAX_CHUNKS = 32
#: An answer is kept this much longer than it is valid: a day's DNS log may be read as a whole
#: before the day's connections.
BEHIND = timedelta(days=1)


class Answers:
    """Rows of the table ANSWERS: at most one per minute and value of the columns `key`.

    Rows without a time or without a value in one of these columns are ignored.
    """

    def __init__(self, key: tuple[str, ...], max_answers: int = MAX_ANSWERS) -> None:
        self._key = key
        #: each sorted by time; put together now and then, not at every batch
        self._chunks: list[pl.DataFrame] = []
        self._max_answers = max_answers
        #: answers that had to go although they could still have named something
        self.dropped = 0

    def __len__(self) -> int:
        return sum(chunk.height for chunk in self._chunks)

    def learn(self, answers: pl.DataFrame) -> None:
        """Remember `answers` (table ANSWERS)."""
        fresh = answers.drop_nulls(["answered_at", *self._key])
        if fresh.is_empty():
            return
        self._chunks.append(self._distinct(fresh))
        if len(self._chunks) > MAX_CHUNKS or len(self) > self._max_answers:
            self._compact()

    def about(self, wanted: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
        """The answers that equal a row of `wanted` in the columns `on`, ordered by time.

        Two columns say how long an answer names connections: `fresh_until`, the end of its TTL (NULL if
        unknown), and `until`.
        """
        asked = [chunk.join(wanted, on=list(on), how="semi") for chunk in self._chunks]
        answers = pl.concat([schema.ANSWERS.empty(), *asked]).sort("answered_at", maintain_order=True)
        ttl = pl.duration(seconds=pl.col("ttl_s").clip(0, int(MAX_AGE.total_seconds())))
        return answers.with_columns(
            fresh_until=pl.col("answered_at") + ttl, until=pl.col("answered_at") + _lifetime()
        )

    def unique(self, column: str) -> pl.Series:
        """The distinct values of `column` among the answers remembered."""
        return pl.concat(
            [schema.ANSWERS.empty()[column], *(c[column].unique() for c in self._chunks)]
        ).unique()

    def _compact(self) -> None:
        """One chunk of all, without what is too old and what is too much."""
        known = self._distinct(pl.concat(self._chunks))
        newest = pl.col("answered_at").max()
        live = known.filter(pl.col("answered_at") + _lifetime() + BEHIND >= newest)
        # A tenth is freed at once: a full table would otherwise be put together for every batch.
        keep = live.height if live.height <= self._max_answers else self._max_answers * 9 // 10
        self.dropped += live.height - keep
        self._chunks = [live.tail(keep)]

    def _distinct(self, answers: pl.DataFrame) -> pl.DataFrame:
        """`answers` by time, without repetitions within the same minute."""
        minute = pl.col("answered_at").dt.truncate("1m")
        ordered = answers.sort("answered_at", maintain_order=True)
        return ordered.unique([*self._key, minute], keep="first", maintain_order=True)


def _lifetime() -> pl.Expr:
    ttl = pl.duration(seconds=pl.col("ttl_s").fill_null(0).clip(0, int(MAX_AGE.total_seconds())))
    return pl.max_horizontal(ttl, pl.lit(STALENESS))
