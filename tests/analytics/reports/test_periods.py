"""Periods: how they are written, and that months and quarters share out whole weeks."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from analytics.reports.common import sight
from analytics.reports.periods import around, parse


def test_periods_are_parsed_as_they_are_printed() -> None:
    assert (parse("day", "2026-11-12").first, parse("day", "2026-11-12").last) == (date(2026, 11, 12),) * 2
    assert parse("week", "2026-W46").first == date(2026, 11, 9)
    assert (parse("month", "2026-11").first, parse("month", "2026-11").last) == (
        date(2026, 11, 2),
        date(2026, 11, 29),
    )
    assert (parse("quarter", "2026-Q4").first, parse("quarter", "2026-Q4").last) == (
        date(2026, 9, 28),
        date(2027, 1, 3),
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("week", "2026-46"),
        ("week", "2026-W54"),
        ("month", "2026-13"),
        ("quarter", "2026-Q5"),
        ("day", "46"),
        ("day", "2026-W46"),
        ("day", "20261112"),
        ("day", "9999-12-31"),
        ("week", "9999-W52"),
        ("week", "0001-W01"),
        ("month", "0001-01"),
    ],
)
def test_a_wrong_period_says_what_was_expected(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        parse(kind, text)


@pytest.mark.parametrize("kind", ["week", "month", "quarter"])
def test_periods_consist_of_whole_weeks_and_contain_every_day(kind: str) -> None:
    for shift in range(0, 800, 3):
        day = date(2025, 12, 1) + timedelta(days=shift)
        period = around(kind, day)
        assert period.first <= day <= period.last
        assert period.first.weekday() == 0
        assert period.last.weekday() == 6
        assert parse(kind, period.name) == period
        assert around(kind, period.last + timedelta(days=1)).first == period.last + timedelta(days=1)


def test_what_was_seen_enough_of_in_a_month_is_what_every_page_takes_for_it() -> None:
    folder = Path(sight.__file__).parents[1]
    sql = [
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("common/telling.sql", "monthly/weeks.sql")
    ]
    shares = re.findall(r"[<>]= (0\.\d+) \*", "".join(sql))
    assert list(map(float, shares)) == [sight.LEAST_WATCHED, sight.LEAST_NAMED, sight.MOST_ONE_SIDED]
