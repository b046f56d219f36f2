"""The loop over one input: read batches, process them, commit the tables, count what came.

`scan.py` calls `ingest` for files, `capture.py` for live interfaces. What happens to a batch is in
`pipeline.py`; nothing here knows a format, a protocol or a service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import polars as pl

from sensor.batches import Grouping, joined, with_last
from sensor.sources.interface import Batch, Input, Source
from sensor.store.segments import Commits
from sensor.summary import Summary


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


def ingest(
    source: Source,
    source_input: Input,
    processor: Processor,
    commits: Commits,
    summary: Summary,
    *,
    start: int = 0,
    committed: int = 0,
    progressed: Callable[[int], None] = lambda position: None,
    grouping: Grouping | None = None,
) -> Summary:
    """Read an input from `start` to its end, commit as it goes, and return `summary` with everything counted.

    `start` and `committed` are positions in the input, as `Batch.position` counts them. What lies before
    `committed` was stored by a scan that was killed: it is read again, because names, flows and counts carry
    over, but not stored again. `progressed` is called with the position after each batch.

    With a `grouping`, several batches are processed and committed together, on a second thread while the next
    ones are read. Without one, each batch is committed before the next one is asked for.

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

    def is_due() -> bool:
        return not grouping or added == grouping.per_commit or processor.waiting >= grouping.most_waiting

    def work(batch: Batch, last: bool) -> None:
        nonlocal end, added, is_whole
        is_whole = False
        processor.add(batch)
        if batch.is_part:
            return
        end, added = max(batch.position, begin), added + 1
        if last or is_due():
            store(last=last)
        is_whole = True
        progressed(end)

    read = source.read(source_input, start=start)
    try:
        if grouping is None:
            for batch, last in with_last(read):
                work(batch, last)
        else:
            _work_behind(with_last(read if source.needs_kernels else joined(read, grouping)), work)
    except OSError:
        if added and is_whole:  # what was read before reading failed is kept
            store(last=False)
        raise
    commits.finish(begin)
    return summary


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
