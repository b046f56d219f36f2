"""What changed: services first seen, newly uploading, grown, fallen, back or gone."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.coverage import Coverage, comparable, told_otherwise

#: Services named per kind of change; the annex has all of them.
MOST = 3
#: Kind of change in the figures -> its key among the strings; in the order of the page.
_KINDS = {
    "first seen": "first_seen",
    "began uploading": "began",
    "grew": "grew",
    "fell": "fell",
    "back": "back",
    "gone": "gone",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A service, and what changed."""

    service: str
    text: str
    grade: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A kind of change, its services, and how many more there are."""

    label: str
    items: tuple[Item, ...]
    more: int


def changes(result: Result, seen: Coverage) -> tuple[Change, ...]:
    """The changes of the week; those against last week only if the weeks are comparable, and what was used is
    known. What a source reports for the first time need not have begun this week."""
    untold = {"began uploading"} if told_otherwise(result) else set()
    compares = not seen.lack and comparable(result)
    kinds = []
    for change, key in _KINDS.items():
        rows = [
            r for r in result.rows("changes") if r["change"] == change and (compares or not r["compares"])
        ]
        if rows and change not in untold:
            items = tuple(Item(r["service"], _text(result, r), r["grade"]) for r in rows[:MOST])
            kinds.append(Change(say(f"changes.{key}"), items, len(rows) - len(items)))
    return tuple(kinds)


def caution(result: Result, seen: Coverage) -> str:
    """Why growth and disappearance are not stated; '' if they are."""
    scope = result.scope
    if seen.lack:
        return say("changes.untold", why=say(f"numbers.{seen.lack}"))
    if scope.week == scope.earliest:
        return say("changes.first_week")
    if not comparable(result):
        return say("changes.otherwise")
    return ""


def _text(result: Result, row: Row) -> str:
    if row["change"] == "gone":
        noun = counted(result, result.scope.previous)
        who = words.group(row["last_people"], row["last_people_hidden"], noun)
        return say("changes.last_week", who=who)
    if row["change"] in ("grew", "fell"):
        return f"{words.size(row['last_bytes_up'])} → {_sent(row)}"
    who = words.group(row["people"], row["people_hidden"], counted(result))
    return who if row["bytes_up"] is None else say("changes.sent", who=who, amount=_sent(row))


def _sent(row: Row) -> str:
    return words.size_range(row["bytes_up"], row["bytes_up_max"], words.withheld(row))
