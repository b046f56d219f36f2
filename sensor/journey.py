"""The loop over one input: batches in, commits out, and what to say of it afterwards.

What becomes of a batch is `pipeline.py`; nothing here knows a format, a protocol or a service.
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

#: batches of an input taken together, and rows from which no more are added: each costs hundreds of steps;
#: where these are fewer rows than few (an hour's file of a quiet network), more of them
_TOGETHER, _ENOUGH_ROWS = 2, 400_000
_MOST_TOGETHER, _FEW_ROWS = 64, 30_000
#: such takings of a file that are committed together, and hits that wait from which there is a commit: each
#: costs a thousand steps and a dozen files
_COMMITTED_TOGETHER, _MAX_WAITING = 2, 200_000

#: columns of coverage that say what log records carried
CARRIED = (
    *("used", "with_time", "with_user", "with_host", "with_path", "with_bytes_up", "with_bytes_down"),
    "with_action",
)


@dataclass
class Verdict:
    """What one input gave: printed after a scan."""

    name: str
    origin: Origin
    packets: int = 0
    records: int = 0
    rejected: int = 0
    bytes: int = 0
    observations: int = 0
    sightings: int = 0
    apps: Counter[str] = field(default_factory=Counter)
    #: records by kind of input: several where lines of several kinds are mixed
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    #: reason: where in the input it was first met
    places: dict[str, str | None] = field(default_factory=dict)
    #: records used, and how many of them carried what (coverage's `used` and `with_…`)
    carried: Counter[str] = field(default_factory=Counter)
    #: kinds of its records of which any told uploads
    sized: set[str] = field(default_factory=set)
    first_seen: datetime | None = None
    last_seen: datetime | None = None

    def count(self, frames: dict[str, pl.DataFrame]) -> None:
        """Add one batch's frames (those about to be stored)."""
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


class Journey(Protocol):
    """Turns batches into frames ready to store; a `Pipeline`, or several for an input of several kinds."""

    @property
    def waiting(self) -> int:
        """Rows taken and not given yet that may become sightings."""
        ...

    def take(self, batch: Batch) -> None:
        """Match and count the rows of a batch."""
        ...

    def give(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
        """The tables of what was taken, up to `position` of the input, conformed and protected; with the
        `last`, what was held back for what might have come."""
        ...


def run(
    source: Source,
    source_input: Input,
    journey: Journey,
    commits: Commits,
    verdict: Verdict,
    *,
    start: int = 0,
    committed: int = 0,
    progressed: Callable[[int], None] = lambda position: None,
    behind: bool = False,
) -> Verdict:
    """Read an input from `start` to its end and commit batch by batch.

    What lies before `committed` (a scan that was killed) is read again, because names, flows and
    counts carry over, but not written twice. `behind`: a batch is worked on while the next is read, and
    several are committed together.
    """
    begin = end = start
    takings, is_whole = 0, True  # is what was taken all there is up to `end`?

    def store(*, last: bool) -> None:
        nonlocal begin, takings
        frames = journey.give(end, last=last)
        verdict.count(frames)
        if end > committed or committed == 0:
            commits.commit(begin, end, frames)
        begin, takings = end, 0

    def work(batch: Batch, last: bool) -> None:
        nonlocal end, takings, is_whole
        is_whole = False
        journey.take(batch)
        if not batch.is_replay:
            verdict.observations += batch.frames.get("observations", schema.OBSERVATIONS.empty()).height
        if batch.is_part:
            return
        end, takings = max(batch.position, begin), takings + 1
        if last or not behind or takings == _COMMITTED_TOGETHER or journey.waiting >= _MAX_WAITING:
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
        if takings and is_whole:  # reading failed: what was read before is kept
            store(last=False)
        raise
    commits.finish(begin)
    return verdict


def _together(batches: Iterable[Batch]) -> Iterator[Batch]:
    """A few whole batches of one kind as one, the same ones at each read from the same place.

    Parts stay as they are, and what was read before them comes first.
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
            del batch  # as wide as it came, it would stay until the next one is made
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
    """One batch of all rows."""
    if len(batches) == 1:
        return batches[0]
    frames: dict[str, list[pl.DataFrame]] = {}
    for batch in batches:
        for name, frame in batch.frames.items():
            frames.setdefault(name, []).append(frame)
    joined = {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in frames.items()}
    return replace(batches[-1], frames=joined)


def _slim(batch: Batch) -> Batch:
    """`batch` without columns of observations that hold nothing, which come by themselves, and foreign ones:
    it waits for others in memory."""
    observations = batch.frames.get("observations")
    if observations is None:
        return batch
    columns = [column for column in observations.get_columns() if column.name in schema.OBSERVATIONS.dtypes]
    filled = pl.DataFrame(
        [column for column in columns if column.name == "seen_at" or column.null_count() < len(column)]
    )
    return replace(batch, frames={**batch.frames, "observations": filled})


def _work_behind(batches: Iterable[tuple[Batch, bool]], work: Callable[[Batch, bool], None]) -> None:
    """`work` on each batch in turn, on a second core while this one makes the next; at most two are held.

    Whatever happens here, the work in hand is finished before this ends.
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
    """Each batch and whether it is the last one; an input without any gives one empty batch.

    One that does not know is held back until the next one, or the end, has come; or reading fails.
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
