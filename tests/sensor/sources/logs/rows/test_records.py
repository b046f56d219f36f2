"""Coverage minutes and reject rows: every line is counted somewhere, and none is quoted."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from sensor import schema
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.rows import records

AT = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
LATER = AT.replace(minute=1)


def frame(*rows: tuple[datetime | None, str | None, bool]) -> pl.DataFrame:
    full = [
        (at, number * 100, 100, reason, rejected, "GET secret42 \x1b" if reason else None)
        for number, (at, reason, rejected) in enumerate(rows)
    ]
    return pl.DataFrame(full, schema=records.RECORD, orient="row")


def test_minutes_and_lines_without_a_time() -> None:
    found = records.coverage(
        frame((None, "broken", True), (AT, None, False), (None, "broken", True), (LATER, "set aside", False))
    )
    assert schema.COVERAGE.conform(found).height == 2
    assert found["minute"].to_list() == [AT.replace(second=0), LATER.replace(second=0)]
    assert found["records"].to_list() == [3, 1]
    assert found["rejected"].to_list() == [2, 0]
    assert found["bytes"].to_list() == [300, 100]
    assert (found["first_seen"][0], found["last_seen"][1]) == (AT, LATER)
    assert records.coverage(frame((None, "broken", True))).is_empty()


def test_rejects_by_reason_with_a_shape_only() -> None:
    rows = frame((AT, "a", True), (LATER, None, False), (AT, "a", True), (AT, "b", False))
    found = records.rejects(rows, Block(0, 400, b""))
    assert found.select("place", "reason", "count").rows() == [("byte 0", "a", 2), ("byte 300", "b", 1)]
    assert found["shape"].to_list() == ["aaa aaaaaa99 ."] * 2
    assert found["rejected_at"].to_list() == [LATER] * 2
    schema.REJECTS.conform(found)


def test_overlong_line_and_broken_stream_are_counted() -> None:
    block = Block(1000, 9000, b"x" * 200, overlong=b"GET 12", fault="truncated gzip stream")
    rows = records.complete(frame((AT, None, False)), block)
    assert records.coverage(rows).select("records", "rejected", "bytes").rows() == [(2, 1, 7900)]
    found = records.rejects(rows, block)
    assert found.select("place", "reason", "count", "shape").rows() == [
        ("byte 1200", "line too long", 1, "aaa 99"),
        ("byte 9000", "truncated gzip stream", 1, None),
    ]


def test_what_was_lost_counts_as_often_as_it_was() -> None:
    block = Block(0, 100, b"", lost={"lost: in the kernel": 37})
    rows = records.complete(frame((AT, None, False)), block, [(LATER, "lost: at the writer", 2)])
    found = records.coverage(rows)
    assert found.select("minute", "records", "rejected").rows() == [
        (AT.replace(second=0), 38, 37),
        (LATER.replace(second=0), 2, 2),
    ]
    assert records.rejects(rows, block).select("reason", "count").rows() == [
        ("lost: in the kernel", 37),
        ("lost: at the writer", 2),
    ]


def test_epoch_keeps_microseconds_and_refuses_nonsense() -> None:
    seconds = pl.Series([1547188736.80509, -1.0, 1e300, float("nan"), float("inf"), None, 0.0])
    times = pl.select(records.epoch(seconds)).to_series().to_list()
    assert times[0] == datetime(2019, 1, 11, 6, 38, 56, 805_090, tzinfo=UTC)
    assert times[1:6] == [None] * 5
    assert times[6] == datetime(1970, 1, 1, tzinfo=UTC)


def test_seconds_are_plausible_or_nothing() -> None:
    texts = pl.Series(["2.5", "-1", "inf", "NaN", "1e300", "x", None])
    assert pl.select(records.seconds(pl.lit(texts))).to_series().to_list() == [2.5, *[None] * 6]


def test_a_duration_has_no_digits_nobody_wrote() -> None:
    told = pl.DataFrame({"ms": [3397, 51, 1]}).select(records.seconds(pl.col("ms") / 1000))
    assert told["ms"].to_list() == [3.397, 0.051, 0.001]
