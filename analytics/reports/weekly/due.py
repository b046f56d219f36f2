"""Findings that wait for a decision, the gravest first, with what a block would have met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.render import words
from analytics.render.words import Noun
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted

#: Whom a finding is about, where not everyone.
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Decision:
    """A question, the evidence for it, and what to look at before answering.

    What only a finding has is '' where the week's figures raised the question.
    """

    question: str
    evidence: str
    grade: int | None
    look: str
    impact: str = ""  # what a block would have met
    owner: str = ""
    day: str = ""  # by when
    severity: str = ""
    findings: tuple[str, ...] = ()  # ids, for `shadowai decide`


def findings(result: Result, most: int) -> tuple[Decision, ...]:
    """One question per service: its gravest finding that waits; the others are named with it."""
    noun = counted(result)
    asked: dict[str, list[Row]] = {}
    for row in result.rows("due"):
        asked.setdefault(row["app"] or row["finding"], []).append(row)
    grades = {row["app"]: row["grade"] for row in result.rows("services") if row["seen"]}
    impacts = {row["app"]: row for row in result.rows("impact")}
    return tuple(
        _decision(rows, noun, result.facts.k, grades.get(app), impacts.get(app))
        for app, rows in list(asked.items())[:most]
    )


def _decision(rows: list[Row], noun: Noun, k: int, grade: int | None, impact: Row | None) -> Decision:
    row, *others = rows
    also = f" Also: {words.listing([_lower(other['title']) for other in others])}." if others else ""
    return Decision(
        question=f"{row['service']}: {_lower(row['question'])}",
        evidence=f"{row['title']}{_scope(row['scope'])}; {', '.join(_evidence(row, noun, k))}.{also}",
        grade=grade,
        look=row["proposal"],
        impact=_impact(impact, noun, row["scope"]),
        owner=row["owner"] or "no owner named",
        day=words.short_day(row["due"]),
        severity=row["severity"],
        findings=tuple(one["finding"] for one in rows),
    )


def _lower(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def _scope(scope: str) -> str:
    return "" if scope == _ALL or scope.startswith("policy: ") else f" ({scope.replace('=', ' ')})"


def _impact(row: Row | None, noun: Noun, scope: str) -> str:
    """What a block for everyone would have met; '' where no figure may be shown."""
    if row is None or row["people_most"] is None:
        return ""
    parts = [f"up to {words.plural(row['people_most'], noun.one, noun.many)} a week"]
    if row["bytes_up"]:
        parts.append(words.size(row["bytes_up"]))
    if row["connections"]:
        parts.append(words.plural(row["connections"], "connection"))
    least = "at least " if row["weeks_hidden"] else ""
    where = "" if scope == _ALL else " for everyone"
    return f"A block{where}, over the last four weeks: {least}{', '.join(parts)}."


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
