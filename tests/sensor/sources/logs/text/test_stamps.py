"""Time stamps of all kinds of logs, and where they are local."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.text import stamps

NOON = datetime(2026, 10, 6, 12, 0, 0, tzinfo=UTC)
REFERENCE = datetime(2026, 11, 26, 10, 0, 0, tzinfo=UTC)


def one(text: str, zone: str = "UTC", **more: object) -> datetime | None:
    found = stamps.read(pl.Series([text]), zone, REFERENCE, **more)  # type: ignore[arg-type]
    assert found.dtype == pl.Datetime("us", "UTC")
    return found[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "text",
    [
        "1791288000",
        "1791288000.000",
        "1791288000000",
        "1791288000000000",
        "1791288000000000000",
        "/Date(1791288000000)/",
        "/Date(1791288000000+0200)/",
        "2026-10-06T12:00:00Z",
        "2026-10-06T12:00:00.000000000Z",
        "2026-10-06 14:00:00.000+0200",
        "2026-10-06T07:00:00,000 -05:00",
        "2026-10-06T07:00:00--5:00",
        "06/Oct/2026:14:00:00 +0200",
        "[06/Oct/2026:14:00:00 +0200]",
        "06-Oct-2026 12:00:00.000",
        "Tue Oct  6 12:00:00 2026",
        "Oct  6 2026 06:00:00.000 mdt",
        "Tue, 06 Oct 2026 12:00:00 GMT",
        "Oct  6 12:00:00",
        "Oct 6 2026 12:00:00",
        "Oct 06, 2026 12:00:00 PM",
        "2026/10/06 12:00:00",
        "2026/10/06.12:00:00.000000",
        "10/6/2026 12:00:00 PM",
        "06.10.2026 12:00:00",
        "10/06/26,12:00:00",
        '"2026-10-06 12:00:00 UTC"',
        "2026-10-06 12:00:00 (UTC+0)",
    ],
)
def test_one_moment_in_every_spelling(text: str) -> None:
    assert one(text) == NOON


def test_fractions_are_kept_to_the_microsecond() -> None:
    assert one("2026-10-06T12:00:00.123456789Z") == NOON + timedelta(microseconds=123456)
    assert one("1791288000.25") == NOON + timedelta(milliseconds=250)
    assert one("Oct  6 12:00:00.5") == NOON + timedelta(milliseconds=500)


@pytest.mark.parametrize(
    "text", ["1791288000.250750", "1791288000250.75", "1791288000250750.9", "1791288000250750000"]
)
def test_a_fraction_is_of_its_own_unit(text: str) -> None:
    assert one(text) == NOON + timedelta(microseconds=250_750)


def test_local_stamps_follow_their_zone_through_summer_time() -> None:
    assert one("2026-07-01 12:00:00", "Europe/Berlin") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert one("2026-01-01 12:00:00", "Europe/Berlin") == datetime(2026, 1, 1, 11, tzinfo=UTC)
    twice = one("2026-10-25 02:30:00", "Europe/Berlin")
    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "the first of the two"
    assert one("2026-03-29 02:30:00", "Europe/Berlin") is None, "no clock ever showed it"


@pytest.mark.parametrize(
    ("stamp", "written", "at"),
    [
        ("02:30:58", "00:31:00", "00:30:58"),
        ("02:59:58", "01:00:05", "00:59:58"),
        ("02:00:04", "01:00:05", "01:00:04"),
        ("02:30:58", "01:31:00", "01:30:58"),
        ("02:30:58", "01:30:57", "01:30:58"),
        ("02:59:58", "02:00:02", "01:59:58"),
        ("03:00:01", "02:00:02", "02:00:01"),
        ("02:30:58", "05:00:00", "00:30:58"),
    ],
)
def test_in_the_hour_that_comes_twice_a_log_that_is_followed_goes_on(
    stamp: str, written: str, at: str
) -> None:
    """It fell silent for an hour, and what it told then was added to the hour before."""
    now = datetime.fromisoformat(f"2026-10-25T{written}+00:00")
    for text in (f"2026-10-25 {stamp}", f"Oct 25 {stamp}"):
        found = stamps.read(pl.Series([text]), "Europe/Berlin", now)
        assert found.to_list() == [datetime.fromisoformat(f"2026-10-25T{at}+00:00")]


def test_the_row_s_own_zone_wins_unless_it_is_ambiguous() -> None:
    text = pl.Series(["2026-10-06 12:00:00"] * 5)
    zones = pl.Series(["-0500", "+11", "UTC", "IST", None])
    found = stamps.read(text, "Asia/Kolkata", REFERENCE, zones=zones)
    assert [(moment - NOON).total_seconds() / 3600 for moment in found] == [5, -11, 0, -5.5, -5.5]


def test_zones_of_some_rows_take_no_time_from_others_of_another_shape() -> None:
    text = pl.Series(["Tue Oct 06 12:00:00 2026", "06 Oct 2026 14:00:00"])
    assert stamps.read(text, "UTC", zones=pl.Series([None, "+2:00"])).to_list() == [NOON, NOON]


def test_a_year_is_the_nearest_that_is_not_the_future() -> None:
    assert one("Nov 27 09:00:00") == datetime(2026, 11, 27, 9, tzinfo=UTC), "clocks differ by less than a day"
    assert one("Nov 28 09:00:00") == datetime(2025, 11, 28, 9, tzinfo=UTC)
    assert one("Feb 29 09:00:00") == datetime(2024, 2, 29, 9, tzinfo=UTC)
    assert stamps.read(pl.Series(["Oct  6 12:00:00"]))[0] is None, "without a reference nobody knows"


def test_a_file_tells_day_from_month() -> None:
    first = stamps.read(pl.Series(["1/2/2026 10:00:00", "13/2/2026 10:00:00"]))
    assert first[0] == datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert stamps.read(pl.Series(["1/2/2026 10:00:00"]))[0] == datetime(2026, 1, 2, 10, tzinfo=UTC)
    march = datetime(2026, 3, 6, 12, tzinfo=UTC)
    late = pl.Series(["4/03/2026 10:00:00", "5/03/2026 10:00:00"])
    assert [at.month for at in stamps.read(late, reference=march)] == [3, 3], "May is still to come"
    both = pl.Series(["5/03/2026 10:00:00", "2/28/2026 10:00:00"])
    assert [at.month for at in stamps.read(both, reference=march)] == [5, 2], "a wrong clock"


@pytest.mark.parametrize(
    ("dates", "reference", "month"),
    [
        (["9/11/2026", "10/11/2026"], None, 11),  # two days, not two months
        (["11/9/2026", "11/10/2026"], None, 11),
        (["4/12/2026"], (2026, 11, 26), 4),  # 4 December is to come
        (["12/4/2026"], (2026, 11, 26), 4),
        (["3/4/2026"], (2026, 4, 4), 4),  # written yesterday
        (["4/3/2026"], (2026, 4, 4), 4),
        (["3/4/2026"], (2026, 11, 26), 3),  # nothing tells
    ],
)
def test_days_that_may_be_months_follow_each_other_up_to_the_reference(
    dates: list[str], reference: tuple[int, int, int] | None, month: int
) -> None:
    at = datetime(*reference, tzinfo=UTC) if reference else None
    found = stamps.read(pl.Series(dates) + " 12:00:00", "UTC", at)
    assert {moment.month for moment in found} == {month}


@pytest.mark.parametrize(
    "text", ["", "never", "2026-13-45 99:99:99", "99999999999999999999", "Oct 32 10:00:00", "-5"]
)
def test_what_is_no_time_is_null(text: str) -> None:
    assert one(text) is None


@given(st.lists(st.text(alphabet="0123456789-/:. TZ+[],APMOctJan", max_size=40), max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_one_row_each_within_bounds(texts: list[str]) -> None:
    found = stamps.read(pl.Series(texts, dtype=pl.String), "Europe/Berlin", REFERENCE)
    assert len(found) == len(texts)
    assert all(1969 <= moment.year <= 2101 for moment in found.drop_nulls())


def test_stamps_that_repeat_are_read_once_and_put_back() -> None:
    stamps_of_a_second = ["Nov 22 10:00:00"] * 5 + [None, "no time"] + ["Nov 22 10:00:01"] * 5
    found = stamps.read(pl.Series(stamps_of_a_second), reference=datetime(2026, 11, 26, tzinfo=UTC))
    first, second = datetime(2026, 11, 22, 10, tzinfo=UTC), datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    assert found.to_list() == [first] * 5 + [None, None] + [second] * 5
