"""Equal rows, numbered across batches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sensor.match import repeats
from sensor.match.repeats import Repeats
from sensor.schema import TIME

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)


def rows(*identities: str, minute: int = 0, source_input: str = "a.log") -> pl.DataFrame:
    at = pl.lit(BEGIN + timedelta(minutes=minute), dtype=TIME)
    return pl.DataFrame({"identity": list(identities)}).with_columns(input=pl.lit(source_input), seen_at=at)


def test_equal_rows_of_an_input_are_numbered_across_batches() -> None:
    seen = Repeats()
    assert seen.number(rows("x", "y", "x")).to_list() == ["0", "0", "1"]
    assert seen.number(rows("x", "z", "y", "x")).to_list() == ["2", "0", "1", "3"]
    assert seen.number(rows("x", source_input="b.log")).to_list() == ["0"]
    assert seen.number(rows("x").clear()).to_list() == []
    assert seen.number(rows("x")).to_list() == ["4"]


def test_a_row_is_forgotten_after_an_hour_or_beyond_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_MAX_KEPT", 4)
    seen = Repeats()
    seen.number(rows("x"))
    seen.number(rows("late", minute=61))
    assert seen.number(rows("x")).to_list() == ["0"]
    seen.number(pl.concat([rows(f"of {minute}", minute=minute) for minute in range(62, 68)]))
    assert seen.number(rows("late", "of 67", "of 67")).to_list() == ["0", "1", "2"]
