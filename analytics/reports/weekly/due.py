"""Decisions due: the findings that wait for one, at most seven, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.render import words
from analytics.render.words import Noun
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted

MOST = 7
#: Whom a finding is about, where not everyone.
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Due:
    """A finding as the page asks about it."""

    finding: str
    question: str
    evidence: str
    proposal: str
    owner: str
    day: str
    severity: str


def due(result: Result) -> tuple[Due, ...]:
    """The first of the findings that are open, or of which nobody can tell whether they go on."""
    noun = counted(result)
    return tuple(_due(row, noun, result.facts.k) for row in result.rows("due")[:MOST])


def more(result: Result) -> int:
    """Findings that wait and did not fit."""
    return max(0, len(result.rows("due")) - MOST)


def _due(row: Row, noun: Noun, k: int) -> Due:
    return Due(
        finding=row["finding"],
        question=f"{row['service']}: {row['question'][:1].lower()}{row['question'][1:]}",
        evidence=f"{row['title']}{_scope(row['scope'])}; {', '.join(_evidence(row, noun, k))}.",
        proposal=row["proposal"],
        owner=row["owner"] or "nobody named",
        day=words.short_day(row["due"]),
        severity=row["severity"],
    )


def _scope(scope: str) -> str:
    return "" if scope == _ALL or scope.startswith("policy: ") else f" ({scope.replace('=', ' ')})"


def _evidence(row: Row, noun: Noun, k: int) -> Iterator[str]:
    if row["people_hidden"]:
        yield f"figures hidden, so that no group under {k} shows"
    elif row["people_least"]:
        sent = f" sent {words.size(row['bytes_up'])}" if row["bytes_up"] is not None else ""
        sessions = words.plural(row["sessions"], "session") if row["sessions"] else ""
        joint = " in " if sent and sessions else ": " if sessions else ""
        yield f"at least {words.plural(row['people_least'], noun.one, noun.many)}{sent}{joint}{sessions}"
    first, last = words.week_name(row["first_seen"]), words.week_name(row["last_seen"])
    yield f"seen in {first}" if first == last else f"seen from {first} to {last}"
    if row["not_evaluable_why"]:
        yield f"not evaluable since: {row['not_evaluable_why']}"
