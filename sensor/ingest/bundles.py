"""Small inputs that are processed together: exports of clouds are thousands of files of a few hundred lines.

A pipeline takes hundreds of steps for each batch, however few its rows. The rows of a bundle go through it
once. Then each input is committed by itself, as if it had been read alone: nothing in the lake depends on
what was bundled.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Self

import polars as pl

from sensor.ingest.batches import rows_of
from sensor.ingest.behind import Behind
from sensor.ingest.mixture import Mixture
from sensor.ingest.summary import Summary
from sensor.sources.interface import Batch, Input, Source
from sensor.store.segments import Commits

#: An input is small up to this size, compressed or not …
PLAIN_BYTES, PACKED_BYTES = 1 << 20, 128 << 10
#: … and if it comes in few batches, with no more rows than a bundle has.
MOST_BATCHES = 32
#: A bundle is full with so many inputs, or rows.
MOST_INPUTS, MOST_ROWS = 100, 30_000
#: Inputs committed at the same time: each waits for the disk several times.
_COMMITS = 4


@dataclass(frozen=True)
class Member:
    """An input of a bundle, read completely."""

    kind: type[Source]
    input: Input
    commits: Commits
    summary: Summary
    batches: list[Batch]


@dataclass
class Bundle:
    """Inputs that were read and wait to be processed."""

    members: list[Member] = field(default_factory=list)
    rows: int = 0

    @property
    def is_full(self) -> bool:
        """True if the next input must go to another bundle."""
        return len(self.members) >= MOST_INPUTS or self.rows >= MOST_ROWS

    def add(self, member: Member) -> None:
        """Add an input."""
        self.members.append(member)
        self.rows += sum(map(rows_of, member.batches))

    def process(self, mixture: Callable[[type[Source], Input], Mixture]) -> None:
        """Match, roll up and commit the rows of all inputs; `mixture` makes the pipelines. Raises
        LakeError."""
        if not self.members:
            return
        first = self.members[0]
        together = mixture(first.kind, first.input)
        together.add_together(
            (member.kind.name, member.input, batch) for member in self.members for batch in member.batches
        )
        tables = together.flush(0, last=True)
        shared = {name: table for name, table in tables.items() if "input" not in table.columns}
        if any(table.height for table in shared.values()):
            # Before the inputs: once these are committed, nobody would read again what belongs to all.
            first.commits.shared([member.input.identity for member in self.members]).commit(0, 0, shared)
        divided = _divided(tables, self.members)
        with ThreadPoolExecutor(_COMMITS) as workers:
            for done in [workers.submit(_commit, *one) for one in zip(self.members, divided, strict=True)]:
                done.result()


class Bundles:
    """Fills one bundle after the other; a full one is processed on a second thread meanwhile."""

    def __init__(self, mixture: Callable[[type[Source], Input], Mixture]) -> None:
        """`mixture` makes the pipelines of a bundle, given its first input and the kind of that."""
        self._mixture = mixture
        self._behind = Behind()
        self._open = Bundle()
        #: identities of the inputs that are not committed for sure
        self._waiting: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._behind.close()

    def holds(self, source_input: Input) -> bool:
        """True if an input of the same identity may still have to be committed."""
        return source_input.identity in self._waiting

    def add(self, member: Member) -> None:
        """Add an input. Raises LakeError if an earlier bundle could not be stored."""
        self._open.add(member)
        self._waiting.add(member.input.identity)
        if self._open.is_full:
            self._hand_over()

    def finish(self) -> None:
        """Process everything added so far. Raises LakeError."""
        self._hand_over()
        self._behind.settle()
        self._waiting.clear()

    def _hand_over(self) -> None:
        self._behind.settle()
        full, self._open = self._open, Bundle()
        self._behind.hand(partial(full.process, self._mixture))


def read_small(source: Source, source_input: Input) -> list[Batch] | None:
    """All batches of a small input; None if it is not small, or cannot be read to its end."""
    if not _is_small(source_input):
        return None
    try:
        batches = _first_batches(source, source_input)
    except OSError:
        return None  # whoever reads it again, alone, keeps what comes before the failure
    return batches if len(batches) <= MOST_BATCHES and sum(map(rows_of, batches)) <= MOST_ROWS else None


def _first_batches(source: Source, source_input: Input) -> list[Batch]:
    with closing(generator(source.read(source_input))) as read:
        return list(islice(read, MOST_BATCHES + 1))


def _is_small(source_input: Input) -> bool:
    """True if all files of the input are so small that it is worth a try to read it in one."""
    size = 0
    for file in source_input.files:
        if file.size is None or (file.path is None and file.size > PACKED_BYTES):
            return False
        size += file.size
    return size <= PLAIN_BYTES


def generator(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """`batches` as something that can be closed."""
    yield from batches


def _divided(tables: dict[str, pl.DataFrame], members: list[Member]) -> Iterator[dict[str, pl.DataFrame]]:
    """The tables of each member: of those with the column `input`. The others (leases, directory, counting)
    belong to no single input once they are stored."""
    parts = {
        name: table.partition_by("input", as_dict=True, maintain_order=True)
        for name, table in tables.items()
        if "input" in table.columns
    }
    for member in members:
        key = (member.input.identity,)
        yield {name: held.get(key, tables[name].clear()) for name, held in parts.items()}


def _commit(member: Member, frames: dict[str, pl.DataFrame]) -> None:
    end = member.batches[-1].position if member.batches else 0
    member.summary.count(frames)
    member.commits.commit(0, end, frames)
    member.commits.finish(end)
