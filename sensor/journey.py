"""The loop over one input: read batches, add them to a pipeline, commit its tables, count what came.

`run` is called by `scan.py` for files and live captures. What happens to a batch is in `pipeline.py`; nothing
here knows a format, a protocol or a service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import polars as pl

from sensor import schema
from sensor.pipeline import Origin
from sensor.sources.interface import Batch, Input, Source
from sensor.store.segments import Commits

#: Batches of a log are joined, because each costs the pipeline hundreds of steps, whatever its size: this
#: many, or until they hold enough rows.
_TOGETHER, _ENOUGH_ROWS = 2, 400_000
#: As long as they hold fewer rows than this (an hourly file of a quiet network), more are joined.
_MOST_TOGETHER, _FEW_ROWS = 64, 30_000
#: Joined batches per commit, and matched rows that force one: a commit writes a dozen files.
_COMMITTED_TOGETHER, _MAX_WAITING = 2, 200_000

#: Columns of `coverage` that count what log records carried.
CARRIED = (
    *("used", "with_time", "with_user", "with_host", "with_path", "with_bytes_up", "with_bytes_down"),
    "with_action",
)


@dataclass
class Summary:
    """Counts of what one input gave; printed after a scan."""

    name: str
    origin: Origin
    packets: int = 0
    records: int = 0
    rejected: int = 0
    bytes: int = 0
    observations: int = 0
    sightings: int = 0
    apps: Counter[str] = field(default_factory=Counter)
    #: records by kind of source; several where a log mixes lines of several formats
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    #: reason of a reject → place in the input where it first occurred
    places: dict[str, str | None] = field(default_factory=dict)
    #: sums of the columns `CARRIED` of coverage
    carried: Counter[str] = field(default_factory=Counter)
    #: kinds of source of which any record gave upload bytes
    sized: set[str] = field(default_factory=set)
    first_seen: datetime | None = None
    last_seen: datetime | None = None

    def count(self, frames: dict[str, pl.DataFrame]) -> None:
        """Add the tables of one commit."""
        coverage, sightings = frames["coverage"], frames["sightings"]
        self.packets += int(coverage.get_column("packets").sum() or 0)
        self.records += int(coverage.get_column("records").sum() or 0)
        self.rejected += int(coverage.get_column("rejected").sum() or 0)
        self.bytes += int(coverage.get_column("bytes").sum() or 0)
        self.kinds.update(dict(coverage.group_by("source").agg(pl.col("records").sum()).iter_rows()))
        self.sightings += sightings.height
        for name in CARRIED:
            self.carried[name] += int(coverage.get_column(name).sum() or 0)
        for frame, name in ((coverage, "with_bytes_up"), (sightings, "bytes_up")):
            self.sized.update(frame.filter(pl.col(name) > 0).get_column("source"))
        self.apps.update(dict(sightings.get_column("app").value_counts().iter_rows()))
        for reason, count, place in frames["rejects"].select("reason", "count", "place").iter_rows():
            self.reasons[reason] += count or 0
            self.places.setdefault(reason, place)
        for moment in coverage.get_column("first_seen").drop_nulls():
            self.first_seen = min(self.first_seen or moment, moment)
        for moment in coverage.get_column("last_seen").drop_nulls():
            self.last_seen = max(self.last_seen or moment, moment)


class Processor(Protocol):
    """Turns batches into tables: a `Pipeline`, or a `Mixture` of several if an input mixes formats."""

    @property
    def waiting(self) -> int:
        """Number of matched observations that wait for `flush`."""
        ...

    def add(self, batch: Batch) -> None:
        """Name, match and count the rows of a batch."""
        ...

    def flush(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
        """The tables of what was added since the last flush, by name; see `Pipeline.flush`."""
        ...


def run(
    source: Source,
    source_input: Input,
    processor: Processor,
    commits: Commits,
    summary: Summary,
    *,
    start: int = 0,
    committed: int = 0,
    progressed: Callable[[int], None] = lambda position: None,
    behind: bool = False,
) -> Summary:
    """Read an input from `start` to its end, commit as it goes, and return `summary` with everything counted.

    `start` and `committed` are positions in the input, as `Batch.position` counts them. What lies before
    `committed` was stored by a scan that was killed: it is read again, because names, flows and counts carry
    over, but not stored again. `progressed` is called with the position after each batch. With `behind`, a
    batch is processed on a second thread while the next one is read, and several are committed together.

    Raises OSError if the input can no longer be read (what was read before is committed), LakeError if the
    lake cannot be written.
    """
    begin = end = start
    added, is_whole = 0, True  # whole batches since the last commit; is everything up to `end` among them?

    def store(*, last: bool) -> None:
        nonlocal begin, added
        frames = processor.flush(end, last=last)
        summary.count(frames)
        if end > committed or committed == 0:
            commits.commit(begin, end, frames)
        begin, added = end, 0

    def work(batch: Batch, last: bool) -> None:
        nonlocal end, added, is_whole
        is_whole = False
        processor.add(batch)
        if not batch.is_replay:
            summary.observations += batch.frames.get("observations", schema.OBSERVATIONS.empty()).height
        if batch.is_part:
            return
        end, added = max(batch.position, begin), added + 1
        if last or not behind or added == _COMMITTED_TOGETHER or processor.waiting >= _MAX_WAITING:
            store(last=last)
        is_whole = True
        progressed(end)

    read = source.read(source_input, start=start)
    try:
        if behind:
            _work_behind(_with_last(read if source.needs_kernels else _together(read)), work)
        else:
            for batch, last in _with_last(read):
                work(batch, last)
    except OSError:
        if added and is_whole:  # what was read before reading failed is kept
            store(last=False)
        raise
    commits.finish(begin)
    return summary


def _together(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same rows in fewer batches: neighbours of one kind are joined.

    Where batches are cut depends on the input alone, so that a scan repeated from the same place writes the
    same segments. Parts and replays are passed on as they are.
    """
    held: list[Batch] = []
    try:
        for batch in batches:
            is_alone = batch.is_part or batch.is_replay or batch.last is not None
            goes_on = bool(held) and not is_alone and batch.source == held[0].source
            if held and (not goes_on or _is_enough(len(held), sum(map(_rows, held)))):
                yield _joined(held)
                held = []
            if is_alone:
                yield batch
            else:
                held.append(_slim(batch))
            del batch  # frees the full-width frame while the next one is read
    except OSError:
        if held:
            yield _joined(held)
        raise
    if held:
        yield _joined(held)


def _is_enough(batches: int, rows: int) -> bool:
    return rows >= _ENOUGH_ROWS or batches >= (_TOGETHER if rows >= _FEW_ROWS else _MOST_TOGETHER)


def _rows(batch: Batch) -> int:
    return batch.frames["observations"].height if "observations" in batch.frames else 0


def _joined(batches: list[Batch]) -> Batch:
    """The rows of all `batches` in one, which ends where the last one does."""
    if len(batches) == 1:
        return batches[0]
    frames: dict[str, list[pl.DataFrame]] = {}
    for batch in batches:
        for name, frame in batch.frames.items():
            frames.setdefault(name, []).append(frame)
    joined = {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in frames.items()}
    return replace(batches[-1], frames=joined)


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


def _work_behind(batches: Iterable[tuple[Batch, bool]], work: Callable[[Batch, bool], None]) -> None:
    """Call `work` for each batch in turn, on a second thread, while this one reads the next batch.

    At most two batches are in memory. Whatever is raised, the work begun is finished before this returns.
    """
    with ThreadPoolExecutor(max_workers=1) as worker:
        in_hand: Future[None] | None = None
        for batch, last in batches:
            if in_hand is not None:
                in_hand.result()
            in_hand = worker.submit(work, batch, last)
        if in_hand is not None:
            in_hand.result()


def _with_last(batches: Iterable[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Pairs of a batch and whether it is the last one; an input without batches gives one empty batch.

    A batch that does not know itself (`last` is None) is held back until the next one or the end has come, or
    reading fails.
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
