"""What changed: services first seen, newly uploading, grown, fallen or gone."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.render import words
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.seeing import comparable

#: Services named per kind of change; the full table stands in the annex.
MOST = 4
_LABELS = {
    "first seen": "First seen",
    "began uploading": "Began uploading",
    "grew": "Grew",
    "fell": "Fell",
    "gone": "Gone",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One service and what happened to it."""

    service: str
    text: str
    grade: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A kind of change, its services, and how many more there are."""

    label: str
    items: tuple[Item, ...]
    more: int


def changes(result: Result) -> tuple[Change, ...]:
    """Changes of the week; those that need a comparable last week are left out without one."""
    compares = comparable(result, result.scope.week, result.scope.previous)
    kinds = []
    for change, label in _LABELS.items():
        rows = [
            r for r in result.rows("changes") if r["change"] == change and (compares or not r["compares"])
        ]
        if rows:
            items = tuple(Item(r["service"], _text(result, r), r["grade"]) for r in rows[:MOST])
            kinds.append(Change(label, items, len(rows) - len(items)))
    return tuple(kinds)


def caution(result: Result) -> str:
    """Why growth and disappearance are not stated, where they are not."""
    scope = result.scope
    if scope.week == scope.earliest:
        return "First week watched: nothing to compare with."
    if not comparable(result, scope.week, scope.previous):
        return "Last week was watched differently, so nothing is called grown, fallen or gone."
    return ""


def _text(result: Result, row: Row) -> str:
    if row["change"] == "gone":
        noun = counted(result, result.scope.previous)
        return f"last week {words.group(row['last_people'], row['last_people_hidden'], noun)}"
    if row["change"] in ("grew", "fell"):
        return f"{words.size(row['last_bytes_up'])} → {_sent(row)}"
    who = words.group(row["people"], row["people_hidden"], counted(result))
    return who if row["bytes_up"] is None else f"{who}, {_sent(row)} up"


def _sent(row: Row) -> str:
    return words.size_range(row["bytes_up"], row["bytes_up_max"], row["people_hidden"])
