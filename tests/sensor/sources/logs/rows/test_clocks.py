from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sensor.sources.logs.rows.clocks import apart

MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


def rows(
    *, later: timedelta, lines: int = 12, lasted: float = 0.0, stamp: str = "%FT%T+00:00"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines received a minute apart whose own times are so much later."""
    received = [MORNING + timedelta(minutes=nth) for nth in range(lines)]
    began = [at + later - timedelta(seconds=lasted) for at in received]
    read = pl.DataFrame({"row": range(lines), "seen_at": began, "duration_s": [lasted] * lines})
    return read, pl.DataFrame({"stamp": [at.strftime(stamp) for at in received]})


@pytest.mark.parametrize("hours", [1, -5, 5.5, 0])
def test_zones_are_hours_or_parts_of_them_apart(hours: float) -> None:
    assert apart(*rows(later=timedelta(hours=hours, seconds=-3))) == timedelta(hours=hours)


def test_a_session_was_written_at_its_end() -> None:
    assert apart(*rows(later=timedelta(hours=1), lasted=700)) == timedelta(hours=1)


def test_lines_received_at_any_time_tell_nothing() -> None:
    """A collector read an old file: all its lines were received in the same minute."""
    read, _ = rows(later=timedelta())
    assert apart(read, pl.DataFrame({"stamp": ["2026-11-24T12:00:00Z"] * read.height})) == timedelta()


def test_few_envelopes_and_stamps_without_offset_tell_nothing() -> None:
    assert apart(*rows(later=timedelta(hours=1), lines=9)) is None
    assert apart(*rows(later=timedelta(hours=1), stamp="%F %T")) == timedelta()
    read, lines = rows(later=timedelta(hours=1))
    assert apart(read, lines.with_columns(stamp=pl.lit(None, pl.String))) is None
