"""The result of a report: plain rows of every figure, with their SQL and a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from analytics.reports.spec import Figure, Spec

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """The period under report and its weeks; figures can read it as a table of one row."""

    week: date  # Monday of the period's last week
    previous: date
    oldest: date  # Monday eleven weeks earlier: the twelve weeks of a trend
    four_weeks: date  # Monday three weeks earlier
    sunday: date
    earliest: date  # Monday of the first week whose sources could show use
    starts_at: datetime  # 00:00 on Monday in the report's zone
    ends_at: datetime  # 00:00 on the next Monday in the report's zone
    first_day: date  # of the period under report; Monday in a weekly one
    last_day: date
    until: date  # its last day that has begun: last_day, once it is over
    zone: str  # the report's zone, for days of moments
    about: str = ""  # the app, department or token asked for


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about the lake that are printed in the header."""

    zone: str
    k: int
    privacy: str
    as_of: datetime | None
    #: True if the lake stores for some days which client used which name without a signature
    names_by_client: bool = False
    #: today (or the day of `as_of`) if the period is not over; its later days are still to come
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a figure."""

    figure: Figure
    rows: tuple[Row, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the rows as canonical JSON; the same on any machine."""
        columns = list(self.figure.columns)
        cells = [[row[name] for name in columns] for row in self.rows]
        text = json.dumps([columns, *cells], ensure_ascii=False, separators=(",", ":"), default=_canonical)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a report for one period."""

    spec: Spec
    facts: Facts
    scope: Scope
    tables: Mapping[str, Table]

    def rows(self, figure: str) -> tuple[Row, ...]:
        """The rows of the figure with this id."""
        return self.tables[figure].rows

    def of_week(self, figure: str, week: date) -> Row | None:
        """The row of a week in a figure with one row per week; None if there is none."""
        return next((row for row in self.rows(figure) if row["week"] == week), None)


def _canonical(value: object) -> str:
    if isinstance(value, datetime):  # independent of the session's time zone
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form; cast it in the figure's SQL")
