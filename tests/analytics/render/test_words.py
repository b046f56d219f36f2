"""Figures as words: units, ranges, shares, small groups."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.render import words


def plain(text: str) -> str:
    """Narrow spaces as ordinary ones, so that tests stay readable."""
    return text.replace(words.THIN, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1249, "1.2 kB"),
        (1250, "1.3 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (412_000_000, "412 MB"),
        (-61_000_000, "−61 MB"),
        (4_100_000_000, "4.1 GB"),
        (2_500 * 10**18, "2 500 EB"),
    ],
)
def test_size_is_decimal_and_rounds_into_the_next_unit(value: int, text: str) -> None:
    assert plain(words.size(value)) == text


def test_unknown_and_hidden_never_read_zero() -> None:
    assert words.size(None) == "unknown"
    assert words.size(None, is_hidden=True) == "hidden"
    assert words.people(None, False, 5) == "unknown"
    assert words.people(None, True, 5) == "fewer than 5"
    assert words.people(3, True, 7) == "fewer than 7"  # hidden wins even where a figure slipped through


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (214_000_000, 260_000_000, "214–260 MB"),
        (214_000_000, 214_100_000, "214 MB"),
        (900_000, 1_200_000, "900 kB–1.2 MB"),
        (5, None, "5 B"),
        (None, 9, "unknown"),
    ],
)
def test_a_range_shows_only_a_difference_one_can_read(low: int | None, high: int | None, text: str) -> None:
    assert plain(words.size_range(low, high)) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 7, "0 %"),
        (1, 1000, "< 1 %"),
        (999, 1000, "> 99 %"),
        (1000, 1000, "100 %"),
        (1, 2, "50 %"),
        (0, 0, "unknown"),
    ],
)
def test_a_share_is_0_or_100_only_when_exact(part: int, whole: int, text: str) -> None:
    assert plain(words.share(part, whole)) == text


@given(st.integers(0, 10**18), st.integers(1, 10**18))
def test_a_share_never_claims_all_or_nothing(part: int, whole: int) -> None:
    part = min(part, whole)
    text = plain(words.share(part, whole))
    assert (text == "100 %") == (part == whole)
    assert (text == "0 %") == (part == 0)


@given(st.integers(0, 10**20))
def test_size_is_within_five_percent(value: int) -> None:
    amount, unit = plain(words.size(value)).rsplit(" ", 1)
    exponent = ("B", "kB", "MB", "GB", "TB", "PB", "EB").index(unit)
    shown = float(amount.replace(" ", "")) * 1000**exponent
    assert abs(shown - value) <= 0.05 * value


def test_changes_have_a_sign_and_a_word() -> None:
    assert words.signed(9) == "+9"
    assert words.signed(-9) == "−9"
    assert words.signed(0) == "±0"
    assert plain(words.signed_size(-61_000_000)) == "−61 MB"
    told = [words.on_last_week(n, "4") for n in (1, -1, 0)]
    assert told == ["up 4 on last week", "down 4 on last week", "unchanged on last week"]


def test_lists_and_counts() -> None:
    assert words.listing([]) == ""
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b"]) == "a and b"
    assert words.listing(list("abcde"), 2) == "a, b and 3 more"
    assert words.PEOPLE.count(1) == "1 person"
    assert plain(words.PEOPLE.count(1234)) == "1 234 people"
    assert plain(words.rough(4_200_001_200)) == "4.2 billion"
    assert plain(words.rough(999_999)) == "999 999"


def test_dates_do_not_follow_the_locale() -> None:
    assert words.day_span(date(2026, 11, 9), date(2026, 11, 15)) == "9–15 November 2026"
    assert words.day_span(date(2026, 11, 30), date(2026, 12, 6)) == "30 November – 6 December 2026"
    assert words.day_span(date(2026, 12, 28), date(2027, 1, 3)) == "28 December 2026 – 3 January 2027"
    assert words.week_name(date(2026, 12, 28)) == "2026-W53"
