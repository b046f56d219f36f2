"""Findings that wait for a decision, the gravest first, with the use that a block would have affected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.render import words
from analytics.render.language import say, translated
from analytics.render.words import Noun
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted

#: Found so long after the week it was first seen in began: a policy or a log came late, which is said.
_MUCH_LATER = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Decision:
    """A question, the evidence for it, and what to look at before answering.

    If the question comes from the week's figures, the fields that only findings have are empty.
    """

    question: str
    evidence: str
    grade: int | None
    look: str
    impact: str = ""  # the use that a block would have affected
    duty: tuple[str, ...] = ()  # gravest severity (of findings), who is responsible, earliest due date
    findings: tuple[str, ...] = ()  # ids, for `shadowai decide`
    known_as: str = ""  # the ids with a noun


def findings(result: Result, most: int) -> tuple[Decision, ...]:
    """One question per service: its gravest waiting finding, which also names its others; at most `most`."""
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
    owners = list(dict.fromkeys(one["owner"] for one in rows if one["owner"]))
    due = min(one["due"] for one in rows)
    also = [
        say("due.titled", title=_inside(translated(other["title"]))) + words.scope(other["scope"])
        for other in others
    ]
    evidence = say(
        "due.evidence", title=translated(row["title"]), scope=words.scope(row["scope"]),
        evidence=", ".join(_evidence(row, noun, result)).removesuffix("."),  # of "31. Dez."
    )  # fmt: skip
    return Decision(
        question=say("due.question", service=row["service"], question=_inside(translated(row["question"]))),
        evidence=f"{evidence} {say('due.also', titles=words.listing(also, 2))}" if also else evidence,
        grade=grade,
        look=say("due.proposal", proposal=translated(row["proposal"])),
        impact=_impact(impact, noun, row["scope"]),
        duty=(
            translated(row["severity"]),
            *answerable(words.listing(owners, 3) if owners else None, due, overdue=is_past(due, result)),
        ),
        findings=tuple(one["finding"] for one in rows),
        known_as=say("decide.finding", len(rows), ids=" ".join(row["finding"] for row in rows)),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line in the annex: a finding that waits."""

    id: str
    title: str
    service: str
    scope: str
    severity: str
    owner: str
    due: str
    over: bool


def waiting(result: Result) -> tuple[Waiting, ...]:
    """All waiting findings, the gravest first."""
    return tuple(
        Waiting(
            row["finding"],
            translated(row["title"]),
            row["service"] or "",
            words.scope(row["scope"]),
            translated(row["severity"]),
            row["owner"] or say("due.no_owner"),
            words.short_day(row["due"]),
            is_past(row["due"], result),
        )
        for row in result.rows("due")
    )


def is_past(day: date, result: Result) -> bool:
    """True if `day` is over; in a running week, the rest of it is still to come."""
    return day < (result.facts.today or result.scope.sunday + timedelta(days=1))


def answerable(owner: str | None, due: date, *, overdue: bool = False) -> tuple[str, str]:
    """Texts: who is responsible for a question, and the due date."""
    until = say("decide.overdue" if overdue else "decide.until", day=words.short_day(due))
    return say("decide.owner", owner=owner) if owner else say("due.no_owner"), until


def blocked(result: Result, app: str) -> str:
    """The use that blocking `app` for everyone would have affected; '' if no figure may be shown."""
    impacts = {row["app"]: row for row in result.rows("impact")}
    return _impact(impacts.get(app), counted(result), words.EVERYONE)


def _inside(text: str) -> str:
    """A question or title for use inside a sentence: with a small letter where the language has one, but AI
    stays AI."""
    is_word = not text[:2].isupper()
    return f"{text[:1].lower()}{text[1:]}" if is_word and say("due.lower") else text


def _impact(row: Row | None, noun: Noun, scope: str) -> str:
    """The use that a block for everyone would have affected; '' if no figure may be shown."""
    if row is None or row["people_most"] is None:
        return ""
    parts = [say("due.up_to", people=noun.count(row["people_most"]))]
    if row["bytes_up"]:
        parts.append(words.size(row["bytes_up"]))
    if row["connections"]:
        parts.append(say("count.connections", row["connections"]))
    met = ", ".join(parts)
    key = "due.block" if scope == words.EVERYONE else "due.block_all"
    return say(key, met=say("due.not_shown", met=met) if row["weeks_hidden"] else met)


def _evidence(row: Row, noun: Noun, result: Result) -> Iterator[str]:
    if row["last_seen"] > result.scope.week:
        pass  # the figures are those of a later week
    elif row["people_hidden"]:
        yield say("due.hidden", k=result.facts.k)
    elif row["people_at_least"]:
        who = _rounded(row["people_at_least"], result.facts.k, noun)
        sent, sessions = row["bytes_up"], say("count.sessions", row["sessions"] or 0)
        if sent is None:
            yield say("due.in_sessions", who=who, sessions=sessions) if row["sessions"] else who
        else:
            key = "due.sent_in_sessions" if row["sessions"] else "due.sent"
            yield say(key, who=who, amount=words.size(sent), sessions=sessions)
    if row["last_seen"] < result.scope.week:
        yield say("due.last_in", week=_week(row["last_seen"], result))
    elif row["first_seen"] < result.scope.week:
        yield say("due.since", week=_week(row["first_seen"], result))
    else:
        yield say("due.new")
    if row["found_on"] and row["found_on"] >= row["first_seen"] + _MUCH_LATER:
        yield say("due.found", day=words.short_day(row["found_on"]))
    if row["decision"]:  # it ended, or the finding came back
        day = row["valid_until"] if row["decision"] == "accept" else row["decided_on"]
        yield say(f"due.{row['decision']}", day=words.short_day(day))
    if row["not_evaluable_why"]:
        yield say("due.since_then", why=_why(row))


def _rounded(least: int, k: int, noun: Noun) -> str:
    """'5 to 9 people': what a count may be that was rounded down to a multiple of `k`. The range agrees with
    exact figures of the same service on the page."""
    most = noun.count(least + k - 1)
    return most if k == 1 else say("due.from_to", least=words.number(least), most=most)


def _why(row: Row) -> str:
    """Why it is unknown whether the finding is over, shortened."""
    why: str = row["not_evaluable_why"]
    if why.startswith("watched "):
        return say("due.less_watched")
    if why.startswith("needs "):
        return say("due.short_history")
    if row["people_hidden"] and why.startswith("gone, or a group"):
        return say("due.gone_or_few")
    return translated(why)


def _week(monday: date, result: Result) -> str:
    """'week 45'; with its year where that is another one."""
    year, number, _ = monday.isocalendar()
    this = result.scope.week.isocalendar().year
    return say("period.week", number=number) if year == this else words.week_name(monday)
