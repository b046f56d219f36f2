"""Findings that wait for a decision, the gravest first, with what a block would have met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say, told
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
    duty: str = ""  # how grave, who answers for it, by when
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
        _decision(rows, noun, result, grades.get(app), impacts.get(app))
        for app, rows in list(asked.items())[:most]
    )


def _decision(rows: list[Row], noun: Noun, result: Result, grade: int | None, impact: Row | None) -> Decision:
    row, *others = rows
    overdue = row["due"] <= result.scope.sunday
    also = [_inside(told(other["title"])) for other in others]
    evidence = say(
        "due.evidence", title=told(row["title"]), scope=scope_of(row["scope"]),
        evidence=", ".join(_evidence(row, noun, result)),
    )  # fmt: skip
    return Decision(
        question=say("due.question", service=row["service"], question=_inside(told(row["question"]))),
        evidence=f"{evidence} {say('due.also', titles=words.listing(also))}" if also else evidence,
        grade=grade,
        look=told(row["proposal"]),
        impact=_impact(impact, noun, row["scope"]),
        duty=say(
            "decide.overdue" if overdue else "decide.duty",
            severity=told(row["severity"]),
            owner=row["owner"] or say("due.no_owner"),
            day=words.short_day(row["due"]),
        ),
        findings=tuple(one["finding"] for one in rows),
    )


def _inside(text: str) -> str:
    """A question or title inside a sentence, as the language begins it; AI stays AI."""
    is_word = not text[:2].isupper()
    return f"{text[:1].lower()}{text[1:]}" if is_word and say("due.lower") else text


def scope_of(scope: str) -> str:
    """' (department Sales)'; '' where it is everyone."""
    if scope == _ALL or scope.startswith("policy: "):
        return ""
    kind, _, name = scope.replace("=", " ").partition(" ")
    return f" ({told(kind)} {name})"


def _impact(row: Row | None, noun: Noun, scope: str) -> str:
    """What a block for everyone would have met; '' where no figure may be shown."""
    if row is None or row["people_most"] is None:
        return ""
    parts = [say("due.up_to", people=noun.count(row["people_most"]))]
    if row["bytes_up"]:
        parts.append(words.size(row["bytes_up"]))
    if row["connections"]:
        parts.append(say("count.connections", row["connections"]))
    met = ", ".join(parts)
    key = "due.block" if scope == _ALL else "due.block_all"
    return say(key, met=say("due.least", count=met) if row["weeks_hidden"] else met)


def _evidence(row: Row, noun: Noun, result: Result) -> Iterator[str]:
    if row["people_hidden"]:
        yield say("due.hidden", k=result.facts.k)
    elif row["people_least"]:
        who = say("due.least", count=noun.count(row["people_least"]))
        sent, sessions = row["bytes_up"], say("count.sessions", row["sessions"] or 0)
        if sent is None:
            yield say("due.in_sessions", who=who, sessions=sessions) if row["sessions"] else who
        else:
            key = "due.sent_in_sessions" if row["sessions"] else "due.sent"
            yield say(key, who=who, amount=words.size(sent), sessions=sessions)
    first, last = words.week_name(row["first_seen"]), words.week_name(row["last_seen"])
    if row["last_seen"] < result.scope.week:
        yield say("due.last_in", week=last)
    else:
        yield say("due.seen_in", week=last) if first == last else say("due.seen_from", first=first, last=last)
    if row["not_evaluable_why"]:
        yield say("due.not_evaluable", why=told(row["not_evaluable_why"]))
