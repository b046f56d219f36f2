"""How batches are grouped: what is joined, what stays alone, and which one is the last."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
import pytest

from sensor import schema
from sensor.ingest.batches import Grouping, joined, with_last
from sensor.sources.interface import Batch

START = datetime(2026, 11, 11, 9, 0, tzinfo=UTC)
FEW = Grouping(few_rows=1000, enough_rows=1000)


def _batch(
    position: int, rows: int = 1, *, host: str | None = None, source: str | None = None,
    is_part: bool = False, is_replay: bool = False, last: bool | None = None,
) -> Batch:  # fmt: skip
    frame = pl.DataFrame({"seen_at": [START] * rows, "host": pl.Series([host] * rows, dtype=pl.String)})
    return Batch(
        position, {"observations": frame}, is_part=is_part, is_replay=is_replay, source=source, last=last
    )


def _heights(batches: int, rows: int, grouping: Grouping) -> list[int]:
    many = [_batch(n, rows) for n in range(1, batches + 1)]
    return [batch.frames["observations"].height for batch in joined(many, grouping)]


@pytest.mark.parametrize(
    ("batches", "rows", "grouping", "heights"),
    [
        (9, 1, Grouping(), [9]),  # next to nothing each
        (9, 1, Grouping(few_rows=4), [4, 4, 1]),
        (8, 1, Grouping(few_rows=1), [2, 2, 2, 2]),
        (5, 3, Grouping(few_rows=1, enough_rows=6), [6, 6, 3]),
        (9, 1, Grouping(few_rows=1000, enough_rows=1000, most_joined=5), [5, 4]),
    ],
)
def test_batches_are_joined_until_they_are_enough(
    batches: int, rows: int, grouping: Grouping, heights: list[int]
) -> None:
    assert _heights(batches, rows, grouping) == heights


def test_a_joined_batch_ends_where_its_last_one_does_and_keeps_every_row() -> None:
    (one,) = joined([_batch(1), _batch(2, host="a.example"), _batch(3)], FEW)
    assert one.position == 3
    assert schema.OBSERVATIONS.conform(one.frames["observations"])["host"].to_list() == [
        None,
        "a.example",
        None,
    ]


def test_only_neighbours_of_one_source_are_joined() -> None:
    batches = [
        _batch(1), _batch(2), _batch(3, source="squid"), _batch(4, is_part=True), _batch(4), _batch(5),
        _batch(6, is_part=True, is_replay=True),
    ]  # fmt: skip
    given = list(joined(batches, FEW))
    assert [(batch.position, batch.frames["observations"].height) for batch in given] == [
        (2, 2), (3, 1), (4, 1), (5, 2), (6, 1),
    ]  # fmt: skip
    assert all(one.position <= other.position for one, other in pairwise(given))


def test_what_is_held_is_given_before_a_failure_is_raised() -> None:
    def breaks() -> Iterator[Batch]:
        yield from (_batch(1), _batch(2))
        raise OSError("the disk is gone")

    got: list[int] = []
    with pytest.raises(OSError, match="disk is gone"):
        got.extend(batch.position for batch in joined(breaks(), FEW))
    assert got == [2]


def test_the_last_batch_is_told_from_the_others() -> None:
    def told(*batches: Batch) -> list[tuple[int, bool]]:
        return [(batch.position, last) for batch, last in with_last(batches)]

    assert told(_batch(1), _batch(2)) == [(1, False), (2, True)]
    assert told(_batch(1, last=False), _batch(2, last=True)) == [(1, False), (2, True)]
    assert told() == [(0, True)]
