"""A cache of the DNS answers that clients received, bounded in age and size."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor import schema

#: Minimum time for which an answer names connections, whatever its TTL.
STALENESS = timedelta(hours=1)
#: Upper limit of a TTL. RFC 8767 §4 caps cached TTLs at days; a week is a mistake.
MAX_AGE = timedelta(days=1)
#: Maximum number of answers, about 200 bytes each. The oldest are evicted; `dropped` counts them.
MAX_ANSWERS = 1_000_000

#: Chunks (one per batch) before they are merged.
MAX_CHUNKS = 32
#: How long an answer is kept after it expires: the DNS log of a day may be read before its connections.
BEHIND = timedelta(days=1)


class Answers:
    """Rows of the table ANSWERS, without those that repeat the columns `key` within a minute.

    An answer repeats nothing if another host was answered in between for the same first two columns of `key`:
    the newest answer names connections. Rows with NULL as time or in a column of `key` are ignored.
    """

    def __init__(
        self, key: tuple[str, ...], max_answers: int = MAX_ANSWERS, behind: timedelta = BEHIND
    ) -> None:
        """`behind`: how long an answer is kept after it expires."""
        self._key = key
        self._behind = behind
        #: each sorted by time; merged when there are many
        self._chunks: list[pl.DataFrame] = []
        self._max_answers = max_answers
        #: answers evicted while still valid
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

    def find(self, wanted: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
        """The answers that match a row of `wanted` in the columns `on`, ordered by time.

        Adds `fresh_until`, the end of the TTL (NULL if unknown), and `until`, when the answer stops naming
        connections.
        """
        asked = [chunk.join(wanted, on=list(on), how="semi") for chunk in self._chunks]
        answers = pl.concat([schema.ANSWERS.empty(), *asked]).sort("answered_at", maintain_order=True)
        return answers.with_columns(
            fresh_until=pl.col("answered_at") + _ttl(), until=pl.col("answered_at") + _lifetime()
        )

    def unique(self, column: str) -> pl.Series:
        """The distinct values of `column`."""
        return pl.concat(
            [schema.ANSWERS.empty()[column], *(c[column].unique() for c in self._chunks)]
        ).unique()

    def _compact(self) -> None:
        """Merges all chunks and evicts answers that are too old or too many."""
        known = self._distinct(pl.concat(self._chunks))
        # The newest but for one in a hundred: an answer logged with a wrong clock must not evict all others.
        newest = known["answered_at"][(known.height - 1) * 99 // 100]
        live = known.filter(
            pl.col("answered_at") + _lifetime() + self._behind >= pl.lit(newest, dtype=schema.TIME)
        )
        # A tenth is freed at once; otherwise a full cache would be merged at every batch.
        keep = live.height if live.height <= self._max_answers else self._max_answers * 9 // 10
        self.dropped += live.height - keep
        self._chunks = [live.tail(keep)]

    def _distinct(self, answers: pl.DataFrame) -> pl.DataFrame:
        """`answers` sorted by time, without repetitions within a minute."""
        ordered = answers.sort("answered_at", maintain_order=True)
        minute = pl.col("answered_at").dt.truncate("1m")
        # By hashes, because sorting by text takes three times as long. Equal ones do no harm.
        hashes = ordered.select(
            about=pl.struct(self._key[:2]).hash(),
            host=pl.col("host").hash(),
            rest=pl.struct(*self._key[2:], minute).hash(),
        )
        grouped = hashes.with_row_index("row").sort("about", maintain_order=True)
        run = pl.struct("about", "host").rle_id()
        kept = grouped.unique([run, "rest"], keep="first", maintain_order=True)
        return ordered[kept["row"].sort()]


def _ttl() -> pl.Expr:
    return pl.duration(seconds=pl.col("ttl_s").clip(0, int(MAX_AGE.total_seconds())))


def _lifetime() -> pl.Expr:
    return pl.max_horizontal(_ttl(), pl.lit(STALENESS))
