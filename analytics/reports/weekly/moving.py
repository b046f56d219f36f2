"""Results of what was decided: does refusal work, what is still used, and where use may have gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.render import words
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.seeing import Seeing, comparable, seeing

_DECISIONS = {"accept": "Accepted", "restrict": "Restricted", "resolve": "Resolved"}
#: Services named as places use may have moved to.
MOST = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """One decision and what the week after it shows."""

    service: str
    decided: str  # 'Restricted on Thu 5 Nov'
    result: str
    moved: str  # '' where nothing grew, or nobody can tell


def outcomes(result: Result) -> tuple[Outcome, ...]:
    """One per finding decided last week or this week."""
    seen = seeing(result)
    return tuple(
        Outcome(
            row["service"],
            f"{_DECISIONS.get(row['decision'], row['decision'])} on {words.short_day(row['decided_on'])}",
            " ".join(_result(result, row, seen)),
            _moved(result, row),
        )
        for row in result.rows("outcomes")
    )


def _result(result: Result, row: Row, seen: Seeing) -> Iterator[str]:
    if row["refused"]:
        attempts = row["attempts"]
        yield f"{words.plural(attempts, 'attempt') if attempts else 'Attempts'} refused."
    elif row["decision"] == "restrict":
        yield "No refusal recorded."
    if row["seen"] and (row["grade"] or 0) >= 3:
        used = words.group(row["people"], row["people_hidden"], counted(result))
        sent = f" sent {words.size(row['bytes_up'])}" if row["bytes_up"] is not None else " used it"
        yield f"{used[:1].upper()}{used[1:]}{sent} this week{_before(result, row)}."
        if row["decision"] == "restrict":
            yield "The restriction does not hold everywhere." if row["refused"] else "Nothing stops it yet."
    elif seen.blind:
        yield "We cannot tell whether it is still used: no sensor reported."
    elif comparable(result, result.scope.week, result.scope.previous):
        yield f"No use seen this week{_before(result, row)}."
    else:
        yield "No use seen, but the week was watched differently: whether it ended, we cannot tell."


def _before(result: Result, row: Row) -> str:
    if (row["last_grade"] or 0) < 3 or not comparable(result, result.scope.week, result.scope.previous):
        return ""
    if row["last_bytes_up"] is not None:
        return f", {words.size(row['last_bytes_up'])} the week before"
    return ", after use the week before"


def _moved(result: Result, row: Row) -> str:
    rows = [r for r in result.rows("moved") if r["from_app"] == row["app"]]
    if row["decision"] != "restrict" or not rows:
        return ""
    if not comparable(result, result.scope.week, result.scope.previous):
        return ""
    told = [
        f"{r['service']} ({words.STATUSES.get(r['status'], r['status'])}, {_growth(r)})" for r in rows[:MOST]
    ]
    return f"Grew in the same category: {words.listing(told)}. Whether it is the same use, we cannot tell."


def _growth(row: Row) -> str:
    if row["bytes_up"] is not None:
        return words.signed_size(row["bytes_up"] - (row["last_bytes_up"] or 0))
    return (
        "people hidden" if row["people"] is None else words.signed(row["people"] - (row["last_people"] or 0))
    )
