"""Hours of the day in which k people or more used AI; programs separate from people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import names, say
from analytics.render.svg import Cell
from analytics.reports.result import Result
from analytics.reports.weekly.rhythm import shade

HOURS = 24
#: If at least this many hours of single weekdays can be shown, each weekday has a line.
_DETAIL = 30
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PARTS = ("workdays", "weekend")

#: hour → lower bound of the number of people
_Counts = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grid: its 24 hours, of people or of programs."""

    label: str
    program: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """The grid, and its text; `lines` also fill the table in the annex."""

    lines: tuple[Line, ...]
    label: str

    @property
    def drawn(self) -> tuple[tuple[str, bool, tuple[Cell, ...]], ...]:
        """The lines as arguments of `svg.hours`."""
        return tuple((line.label, line.program, line.cells) for line in self.lines)

    @property
    def apart(self) -> bool:
        """True if programs have lines of their own."""
        return any(line.program for line in self.lines)

    @property
    def hours_with_figures(self) -> tuple[int, ...]:
        """The hours with a figure in any line."""
        return tuple(h for h in range(HOURS) if any(line.cells[h].value for line in self.lines))


def clock(result: Result) -> Clock | None:
    """The grid of the week; None if no hour has k people."""
    counts: dict[tuple[str, str], dict[int, int]] = {}
    for row in result.rows("hours"):
        counts.setdefault((row["kind"], row["days"]), {})[row["hour_of_day"]] = row["subjects_least"]
    pooled = counts.get(("people", "workdays"), {})
    if not pooled and not any(kind == "people" for kind, _ in counts):
        return None
    single = sum(len(counts.get(("people", day), {})) for day in _WEEKDAYS)
    days = _WEEKDAYS if single >= _DETAIL else _PARTS
    people = [(("people", day), False) for day in days if day != "weekend" or ("people", day) in counts]
    others = [((kind, part), True) for kind in ("programs", "machines") for part in _PARTS]
    shown = [*people, *((key, is_program) for key, is_program in others if key in counts)]
    most = _most(counts, ("people",)), _most(counts, ("programs", "machines"))
    lines = tuple(
        _line(kind, part, counts.get((kind, part), {}), most[apart]) for (kind, part), apart in shown
    )
    return Clock(lines, _label(result, pooled))


def _most(counts: Mapping[tuple[str, str], _Counts], kinds: tuple[str, ...]) -> int:
    """The greatest count of these kinds of lines; people and programs each have their own scale of shades."""
    return max((max(hours.values()) for (kind, _), hours in counts.items() if kind in kinds), default=1)


def _line(kind: str, part: str, counts: _Counts, most: int) -> Line:
    days = say(f"clock.{part}") if part in _PARTS else names("date.weekdays")[_WEEKDAYS.index(part)]
    label = days if kind == "people" else say(f"clock.{kind}", days=days)
    return Line(
        label, kind != "people", tuple(_cell(label, hour, counts.get(hour), most) for hour in range(HOURS))
    )


def _cell(label: str, hour: int, count: int | None, most: int) -> Cell:
    when = f"{label} {hour:02d}:00"
    if count is None:
        return Cell("none", text=f"{when}: {say('clock.fewer')}")
    least = say("due.least", count=words.number(count))
    return Cell("shade", shade(count, most), f"{when}: {least}", f"≥{words.THIN}{words.number(count)}")


def _label(result: Result, pooled: _Counts) -> str:
    """A text: the busiest hour, and the hours between which there are k people."""
    if not pooled:
        return say("clock.untold", k=result.facts.k)
    busiest = max(pooled, key=lambda hour: (pooled[hour], -hour))
    return say(
        "clock.label", k=result.facts.k, first=f"{min(pooled):02d}", last=f"{max(pooled) + 1:02d}",
        busiest=f"{busiest:02d}", peak=words.number(pooled[busiest]),
    )  # fmt: skip
