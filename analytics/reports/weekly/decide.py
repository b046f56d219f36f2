"""The decisions due, at most seven: findings of the policy first, then questions from the week's figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from analytics.render import words
from analytics.render.language import say
from analytics.render.words import Noun
from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.coverage import Coverage, comparable, mute_sources, source_name
from analytics.reports.weekly.due import Decision, answerable, blocked, findings
from analytics.reports.weekly.remedy import remedy

#: Decisions on the page. With a longer list, readers would decide nothing.
MOST = 7
#: Time from the end of the week until a gap in coverage should be closed, or a policy written.
_MEND = timedelta(days=7)


def decisions(result: Result, seen: Coverage) -> tuple[Decision, ...]:
    """The gravest findings; then one question per other service, by its strongest rule; then gaps in
    coverage."""
    standing = [*_undecided(result), *_blind_spots(result, seen)]
    found = findings(result, MOST - len(standing))
    waiting = {row["app"] for row in result.rows("due")}
    compares = comparable(result)
    noun = counted(result)
    asked: dict[str, Decision] = {}
    for row in result.rows("raised"):
        if row["app"] not in asked and row["app"] not in waiting and (compares or not row["compares"]):
            asked[row["app"]] = _question(row, result.facts.k, noun, blocked(result, row["app"]))
    return (*found, *list(asked.values())[: MOST - len(standing) - len(found)], *standing)


def more(result: Result, shown: tuple[Decision, ...]) -> int:
    """Number of waiting findings that are not shown."""
    return len(result.rows("due")) - sum(len(decision.findings) for decision in shown)


def _question(row: Row, k: int, noun: Noun, impact: str) -> Decision:
    """The question of the rule that the service matched; its texts are listed under the rule's name."""
    rule, who = row["rule"], words.group(row["people"], row["people_hidden"], noun)
    kind = words.category(row["category"])
    if rule == "doubled":
        before, now = words.size(row["last_bytes_up"]), words.size_range(row["bytes_up"], row["bytes_up_max"])
    else:
        before, now = _count(row["last_connections"]), _count(row["connections"])
    # The count may be hidden although the first use at a site, by k people or more, was published.
    least = rule == "new_uploads" and row["people_hidden"]
    sent = say("decide.least", k=k, noun=noun.many) if least else _sent_by(row, who)
    return Decision(
        say(f"decide.{rule}.question", service=row["service"]),
        say(f"decide.{rule}.evidence", sent=sent, who=who, before=before, now=now),
        row["grade"],
        say(f"decide.{rule}.look", category=kind),
        impact,
        duty=answerable(row["owner"], row["due"]),
    )


def _count(value: int | None) -> str:
    return words.unknown() if value is None else words.number(value)


def _undecided(result: Result) -> Iterator[Decision]:
    """The question for a lake without a policy, where there are no findings to decide about."""
    used = sum(row["seen"] and in_use(row["grade"]) for row in result.rows("services"))
    if used and not result.rows("policies"):
        yield Decision(
            say("decide.policy.question"),
            say("decide.policy.evidence", used),
            None,
            say("decide.policy.look"),
            duty=answerable(None, result.scope.sunday + _MEND),
        )


def _blind_spots(result: Result, seen: Coverage) -> Iterator[Decision]:
    owners = [row["owner"] for row in result.rows("policies") if row["owner"]]
    duty = answerable(owners[0] if owners else None, result.scope.sunday + _MEND)
    if seen.doubts:
        yield Decision(
            say("decide.blind.question"),
            say("verdict.cannot_tell", what=words.listing(seen.doubts, 5)),
            None,
            remedy(result, seen),
            duty=duty,
        )
    mute = mute_sources(result)
    if mute and not seen.no_amounts:  # else that is what was asked above
        names = words.listing([source_name(source) for source in mute])
        yield Decision(
            say("decide.mute.question"),
            say("decide.mute.evidence", len(mute), names=names),
            None,
            say("decide.mute.look"),
            duty=duty,
        )


def _sent_by(row: Row, who: str) -> str:
    if row["bytes_up"] is None:
        return say("decide.uploaded", who=who, amount=words.size(None, words.withheld(row)))
    return say("decide.sent", who=who, amount=words.size_range(row["bytes_up"], row["bytes_up_max"]))
