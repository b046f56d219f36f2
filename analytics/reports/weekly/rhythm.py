"""Connections by service and day over up to four weeks, with the days on which no sensor watched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import isqrt

from analytics.render import words
from analytics.render.language import say
from analytics.render.svg import SHADES, Cell
from analytics.reports.result import Result, Row
from analytics.reports.weekly.coverage import Coverage

SERVICES = 7


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The grid, its headings and its text; `rows` also fill the table in the annex."""

    days: tuple[date, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    label: str


def rhythm(result: Result, seen: Coverage) -> Rhythm | None:
    """The grid of the week's leading services with a day to show; None if there are none."""
    first = max(result.scope.four_weeks, result.scope.earliest)
    days = tuple(first + timedelta(days=n) for n in range((result.scope.sunday - first).days + 1))
    table = {(r["app"], r["day"]): r for r in result.rows("days")}
    shown = {app for (app, _), row in table.items() if row["connections"]}
    leading = [s for s in result.rows("services") if s["seen"] and s["app"] in shown][:SERVICES]
    most = max((r["connections"] or 0 for r in table.values()), default=0)
    if not leading or not most:
        return None
    watched = {row["day"] for row in result.rows("watched")}
    rows = tuple(
        (
            s["service"],
            tuple(_cell(table.get((s["app"], d)), d, d in watched, d in seen.ahead, most) for d in days),
        )
        for s in leading
    )
    return Rhythm(days, tuple(_heading(d) for d in days), rows, _label(table, days, watched))


def _heading(day: date) -> str:
    return words.day_name(day) if day.weekday() == 0 else ""


def _cell(row: Row | None, day: date, watched: bool, ahead: bool, most: int) -> Cell:
    when = f"{words.weekday(day)} {words.day_name(day)}"
    if row is not None and (row["connections"] or 0) > 0:
        count = row["connections"]
        text = f"{when}: {say('count.connections', count)}"
        return Cell("shade", shade(count, most), text, words.number(count))
    if row is not None and row["connections"] is None:
        return Cell("hidden", text=f"{when}: {say('rhythm.hidden')}")
    if ahead:
        return Cell("ahead", text=f"{when}: {say('rhythm.ahead')}")
    if not watched:
        return Cell("blind", text=f"{when}: {say('rhythm.blind')}")
    return Cell("none", text=f"{when}: {say('rhythm.none')}")


def shade(count: int, most: int) -> int:
    """A shade from 1 to SHADES by the square root of the share, so that quiet days stay visible."""
    return min(SHADES, 1 + isqrt(SHADES * SHADES * count // (most + 1)))


def _label(table: dict[tuple[str, date], Row], days: tuple[date, ...], watched: set[date]) -> str:
    totals = {d: sum(r["connections"] or 0 for (_, day), r in table.items() if day == d) for d in days}
    busiest = max(days, key=lambda d: (totals[d], -d.toordinal()))
    blind = sum(d not in watched for d in days)
    return say(
        "rhythm.label", days=say("count.days", len(days)), blind=say("count.days", blind),
        busiest=f"{words.weekday(busiest)} {words.day_name(busiest)}",
        peak=say("count.connections", totals[busiest]),
    )  # fmt: skip
