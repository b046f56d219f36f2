"""Parses and prints periods: 2026-11-12, 2026-W46, 2026-11, 2026-Q4.

Numbers of people exist for whole weeks only. So a month or quarter consists of the weeks whose Thursday lies
in it, like the years of ISO 8601: every week belongs to exactly one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.render import words
from analytics.render.language import names, say

#: Python has no dates before or after, and a report reads weeks on both sides of its period.
_YEARS = range(2, 9999)
_FORMS = {"day": "2026-11-12", "week": "2026-W46", "month": "2026-11", "quarter": "2026-Q4"}


@dataclass(frozen=True, slots=True)
class Period:
    """A period: its first and last day, and how it is written."""

    name: str
    first: date
    last: date

    @property
    def week(self) -> date:
        """Monday of its last week."""
        return self.last - timedelta(days=self.last.weekday())

    @property
    def span(self) -> str:
        """'9–15 November 2026'."""
        return words.day_span(self.first, self.last) if self.first != self.last else _one(self.first)

    @property
    def title(self) -> str:
        """For headings: 'week 46', 'November 2026', 'Thursday 12 November 2026'."""
        if self.first == self.last:
            day = words.day_name(self.first)
            return say("period.day", weekday=words.weekday(self.first), day=day, year=self.first.year)
        year, _, part = self.name.partition("-")
        if part.startswith("W"):
            return say("period.week", number=int(part[1:]))
        if part.startswith("Q"):
            return say("period.quarter", number=part[1:], year=year)
        return say("period.month", month=names("date.months")[int(part) - 1], year=year)


def parse(kind: str, text: str) -> Period:
    """The period of a kind (day, week …) written as `text`. Raises ValueError with what was expected."""
    try:
        if int(text[:4]) not in _YEARS:
            raise ValueError
        if kind == "day" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):  # Python takes weeks for their Mondays
            return around(kind, date.fromisoformat(text))
        if kind == "week" and (match := re.fullmatch(r"(\d{4})-W(\d{2})", text)):
            return around(kind, date.fromisocalendar(int(match[1]), int(match[2]), 4))
        if kind == "month" and (match := re.fullmatch(r"(\d{4})-(\d{2})", text)):
            return around(kind, _thursday(date(int(match[1]), int(match[2]), 15)))
        if kind == "quarter" and (match := re.fullmatch(r"(\d{4})-Q([1-4])", text)):
            return around(kind, _thursday(date(int(match[1]), 3 * int(match[2]) - 1, 15)))
    except ValueError:
        pass
    article = "an ISO week" if kind == "week" else f"a {kind}"
    raise ValueError(f"{text!r} is not {article}; write it like {_FORMS[kind]}")


def around(kind: str, day: date) -> Period:
    """The period of a kind that `day` lies in; for months and quarters, that of the day's week."""
    if kind == "day":
        return Period(day.isoformat(), day, day)
    thursday = _thursday(day)
    if kind == "week":
        monday = thursday - timedelta(days=3)
        return Period(words.week_name(monday), monday, monday + timedelta(days=6))
    months = 1 if kind == "month" else 3
    start = date(thursday.year, (thursday.month - 1) // months * months + 1, 1)
    after = date(start.year + (start.month + months > 12), (start.month + months - 1) % 12 + 1, 1)
    first, following = _first_thursday(start), _first_thursday(after)
    name = f"{start:%Y-%m}" if kind == "month" else f"{start.year}-Q{(start.month + 2) // 3}"
    return Period(name, first - timedelta(days=3), following - timedelta(days=4))


def _thursday(day: date) -> date:
    return day + timedelta(days=3 - day.weekday())


def _first_thursday(day: date) -> date:
    return day + timedelta(days=(3 - day.weekday()) % 7)


def _one(day: date) -> str:
    return f"{words.short_day(day)} {day.year}"
