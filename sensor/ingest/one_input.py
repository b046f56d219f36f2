"""The loop over one input: read batches, process them, commit the tables, count what came.

`scan.py` calls `ingest` for files, `capture.py` for live interfaces. What happens to a batch is in
`pipeline.py`; nothing here knows a format, a protocol or a service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import polars as pl

from sensor.ingest.batches import Grouping, joined, with_last
from sensor.ingest.behind import Behind
from sensor.ingest.summary import Summary
from sensor.sources.interface import Batch, Input, Source
from sensor.store.segments import Commits


class Processor(Protocol):
    """Turns batches into tables; implemented by `mixture.Mixture`."""

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
    progress = _Progress(processor, commits, summary, grouping, progressed, committed, begin=start, end=start)
    read = source.read(source_input, start=start)
    try:
        if grouping is None:
            for batch, last in with_last(read):
                progress.work(batch, last)
        else:
            whole = read if source.needs_kernels else joined(read, grouping)
            with Behind() as behind:
                for batch, last in with_last(whole):
                    behind.hand(partial(progress.work, batch, last))
    except OSError:
        progress.keep()
        raise
    commits.finish(progress.begin)
    return summary


@dataclass
class _Progress:
    """How far an input has been processed, and how much of that is committed."""

    processor: Processor
    commits: Commits
    summary: Summary
    grouping: Grouping | None
    progressed: Callable[[int], None]
    #: what lies before this position was stored by an earlier scan
    committed: int
    #: positions: begin and end of what was processed since the last commit
    begin: int
    end: int
    #: whole batches since the last commit
    batches: int = 0
    #: False while only parts of a position were processed
    is_whole: bool = True

    def work(self, batch: Batch, last: bool) -> None:
        """Process a batch, and commit if enough waits or nothing follows."""
        self.is_whole = False
        self.processor.add(batch)
        if batch.is_part:
            return
        self.end, self.batches = max(batch.position, self.begin), self.batches + 1
        if last or self._is_enough():
            self._store(last=last)
        self.is_whole = True
        self.progressed(self.end)

    def keep(self) -> None:
        """Commit the whole batches that were processed before reading failed."""
        if self.batches and self.is_whole:
            self._store(last=False)

    def _is_enough(self) -> bool:
        return (
            self.grouping is None
            or self.batches == self.grouping.per_commit
            or self.processor.waiting >= self.grouping.most_waiting
        )

    def _store(self, *, last: bool) -> None:
        frames = self.processor.flush(self.end, last=last)
        self.summary.count(frames)
        if self.end > self.committed or self.committed == 0:
            self.commits.commit(self.begin, self.end, frames)
        self.begin, self.batches = self.end, 0
