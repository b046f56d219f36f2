"""How the batches of an input are grouped: small ones are joined, and the last one is marked.

Where batches are cut depends on the input alone, so that a scan repeated from the same place writes the same
segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from sensor import schema
from sensor.sources.interface import Batch


@dataclass(frozen=True)
class Grouping:
    """How much of a log is processed at once, and how much of it is committed at once.

    Each batch costs the pipeline hundreds of steps, whatever its size, and each commit writes a dozen files.
    """

    #: batches joined …
    joined: int = 2
    #: … or more, as long as they hold fewer rows than this (an hourly file of a quiet network) …
    few_rows: int = 30_000
    #: … but never more than this
    most_joined: int = 64
    #: rows that are enough, however few batches they came in
    enough_rows: int = 400_000
    #: joined batches per commit …
    per_commit: int = 2
    #: … unless this many matched rows wait before
    most_waiting: int = 200_000

    def is_enough(self, batches: int, rows: int) -> bool:
        """True if so many batches with so many rows are joined as they are."""
        return rows >= self.enough_rows or batches >= (
            self.joined if rows >= self.few_rows else self.most_joined
        )


def joined(batches: Iterable[Batch], grouping: Grouping) -> Iterator[Batch]:
    """The same rows in fewer batches: neighbours of one source are joined.

    Parts and replays are passed on as they are. When reading fails, what was held is given first.
    """
    held: list[Batch] = []
    try:
        for batch in batches:
            is_alone = batch.is_part or batch.is_replay or batch.last is not None
            goes_on = bool(held) and not is_alone and batch.source == held[0].source
            if held and (not goes_on or grouping.is_enough(len(held), sum(map(rows_of, held)))):
                yield _concatenated(held)
                held = []
            if is_alone:
                yield batch
            else:
                held.append(_slim(batch))
            del batch  # frees the full-width frame while the next one is read
    except OSError:
        if held:
            yield _concatenated(held)
        raise
    if held:
        yield _concatenated(held)


def with_last(batches: Iterable[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Pairs of a batch and whether it is the last one; an input without batches gives one empty batch.

    A batch that does not say whether it is (`last` is None) is held back until the next one or the end comes,
    or reading fails.
    """
    held: Batch | None = None
    ended = False
    try:
        for batch in batches:
            if held is not None:
                yield held, False
            held = batch if batch.last is None else None
            if batch.last is not None:
                ended = batch.last
                yield batch, batch.last
    except OSError:
        if held is not None:
            yield held, False
        raise
    if not ended:
        yield held or Batch(0, {}), True


def rows_of(batch: Batch) -> int:
    """Number of observations of a batch."""
    return batch.frames["observations"].height if "observations" in batch.frames else 0


def _concatenated(batches: list[Batch]) -> Batch:
    """The rows of all `batches` in one, which ends where the last one does."""
    if len(batches) == 1:
        return batches[0]
    frames: dict[str, list[pl.DataFrame]] = {}
    for batch in batches:
        for name, frame in batch.frames.items():
            frames.setdefault(name, []).append(frame)
    rows = {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in frames.items()}
    return replace(batches[-1], frames=rows)


def _slim(batch: Batch) -> Batch:
    """`batch` without the observation columns that are empty or unknown, to save memory while it waits.

    `Table.conform` adds the empty ones again.
    """
    observations = batch.frames.get("observations")
    if observations is None:
        return batch
    columns = [column for column in observations.get_columns() if column.name in schema.OBSERVATIONS.dtypes]
    filled = pl.DataFrame(
        [column for column in columns if column.name == "seen_at" or column.null_count() < len(column)]
    )
    return replace(batch, frames={**batch.frames, "observations": filled})
