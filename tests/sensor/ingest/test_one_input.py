"""The loop over one input: what is committed when, and what happens when reading or storing fails."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import polars as pl
import pytest

from sensor import schema
from sensor.errors import LakeError
from sensor.ingest.batches import Grouping
from sensor.ingest.one_input import Processor, ingest
from sensor.ingest.summary import Summary
from sensor.sources.interface import Batch, Input, Source
from sensor.store.segments import Commits

START = datetime(2026, 11, 11, 9, 0, tzinfo=UTC)


def _batch(position: int, rows: int = 1, *, is_part: bool = False, last: bool | None = None) -> Batch:
    return Batch(position, {"observations": pl.DataFrame({"seen_at": [START] * rows})}, last, is_part)


class _Given(Source):
    """Gives the batches it was made with, then perhaps fails."""

    name, help, vantage, proof = "given", "", "packets", ()

    def __init__(self, *batches: Batch, fails: bool = False) -> None:
        super().__init__()
        self._batches, self._fails = batches, fails
        #: number of commits seen when each batch was asked for
        self.committed: list[int] = []
        self.commits = _Noted()

    @classmethod
    def recognise(cls, head: bytes) -> float:
        return 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        for batch in self._batches:
            self.committed.append(len(self.commits.done))
            yield batch
        if self._fails:
            raise OSError("the disk is gone")


class _Noted(Commits):
    """Remembers commits (begin, end, sightings) instead of writing them; -1 sightings for the finish."""

    def __init__(self) -> None:
        self.done: list[tuple[int, int, int]] = []

    def commit(self, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
        self.done.append((begin, end, frames["sightings"].height))

    def finish(self, position: int) -> None:
        self.done.append((position, position, -1))


class _Matching:
    """A processor that takes every row for a sighting."""

    waiting = 0

    def add(self, batch: Batch) -> None:
        self.waiting += batch.frames["observations"].height if batch.frames else 0

    def flush(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
        sightings = schema.SIGHTINGS.conform(pl.DataFrame({"seen_at": [START] * self.waiting}))
        self.waiting = 0
        return {
            "sightings": sightings, "coverage": schema.COVERAGE.empty(), "rejects": schema.REJECTS.empty()
        }  # fmt: skip


def _ingested(source: _Given, grouping: Grouping | None = None, processor: Processor | None = None) -> _Given:
    summary = Summary("in", "given")
    ingest(source, Input((), "in"), processor or _Matching(), source.commits, summary, grouping=grouping)
    assert summary.sightings == sum(max(count, 0) for *_, count in source.commits.done)
    return source


def test_a_batch_that_knows_is_committed_before_the_next_one_is_asked_for() -> None:
    source = _ingested(_Given(_batch(1, 2, last=False), _batch(2, 3, last=True)))
    assert source.committed == [0, 1]
    assert source.commits.done == [(0, 1, 2), (1, 2, 3), (2, 2, -1)]


def test_a_batch_that_does_not_know_is_held_back() -> None:
    source = _ingested(_Given(_batch(1, 2), _batch(2, 3)))
    assert source.committed == [0, 0]
    assert source.commits.done == [(0, 1, 2), (1, 2, 3), (2, 2, -1)]
    assert _ingested(_Given()).commits.done == [(0, 0, 0), (0, 0, -1)]


@pytest.mark.parametrize(
    ("grouping", "done"),
    [(None, [(0, 1, 1), (1, 2, 4), (2, 2, -1)]), (Grouping(), [(0, 2, 5), (2, 2, -1)])],
    ids=["each", "grouped"],
)
def test_parts_of_one_position_are_committed_together(
    grouping: Grouping | None, done: list[tuple[int, int, int]]
) -> None:
    source = _ingested(_Given(_batch(1), _batch(2, 3, is_part=True), _batch(2)), grouping)
    assert source.commits.done == done


def test_grouped_batches_are_committed_together() -> None:
    batches = [_batch(n) for n in range(1, 9)]
    # Two are joined, two of those committed.
    done = _ingested(_Given(*batches), Grouping(few_rows=1)).commits.done
    assert done == [(0, 4, 4), (4, 8, 4), (8, 8, -1)]


def test_much_that_waits_is_committed_at_once() -> None:
    batches = [_batch(n) for n in range(1, 9)]
    done = _ingested(_Given(*batches), Grouping(most_joined=2, most_waiting=1)).commits.done
    assert [end for _, end, _ in done] == [2, 4, 6, 8, 8]


def test_what_reading_and_storing_raise_reaches_the_caller() -> None:
    class Full(_Noted):
        def commit(self, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
            raise LakeError("no space left on device")

    batches = [_batch(n, n) for n in range(1, 10)]
    source = _Given(*batches, fails=True)
    with pytest.raises(OSError, match="disk is gone"):
        _ingested(source, Grouping())
    assert [end for _, end, _ in source.commits.done] == [9]  # all that was read
    source.commits = Full()
    with pytest.raises(LakeError, match="no space"):
        _ingested(source, Grouping())


@pytest.mark.parametrize(("grouping", "ends"), [(None, [1]), (Grouping(), [])], ids=["each", "grouped"])
def test_what_was_read_in_part_or_failed_to_be_given_is_not_committed(
    grouping: Grouping | None, ends: list[int]
) -> None:
    source = _Given(_batch(1), _batch(2, is_part=True), _batch(2, is_part=True), fails=True)
    with pytest.raises(OSError, match="disk is gone"):
        _ingested(source, grouping)
    assert [end for _, end, _ in source.commits.done] == ends

    class Sealed(_Matching):
        def flush(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
            raise OSError("no room for the vault")

    other = _Given(_batch(1), _batch(2), _batch(3))
    with pytest.raises(OSError, match="vault"):
        _ingested(other, grouping, Sealed())
    assert not other.commits.done
