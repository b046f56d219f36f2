"""Results of decisions: whether blocking works, what is still used, and where use may have moved to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say, translated
from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.coverage import Coverage, comparable, coverage_of_week

#: Services named as places use may have moved to.
MOST = 3
#: Rules about use as such: a restriction of anything else (an amount, a server) may leave it in use.
_USE = frozenset({"never_use", "unsanctioned_use", "restricted_use", "unreviewed_service", "residency"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision, and what the week after it shows."""

    service: str
    decided: str  # 'Restricted on Thu 5 Nov'
    result: str
    moved: str  # '' if nothing grew, or it is unknown


def outcomes(result: Result) -> tuple[Outcome, ...]:
    """The outcomes of all findings decided last week or this week."""
    seen = coverage_of_week(result)
    return tuple(
        Outcome(
            row["service"],
            say(f"outcome.{row['decision']}", day=words.short_day(row["decided_on"])),
            " ".join(_result(result, row, seen)),
            _moved(result, row),
        )
        for row in result.rows("outcomes")
    )


def _result(result: Result, row: Row, seen: Coverage) -> Iterator[str]:
    scope, of_use = words.scope(row["scope"]), row["rule"] in _USE
    ends_use = of_use and not scope and row["decision"] == "restrict"
    untried = row["decided_on"] >= result.scope.week and not _used_since(result, row)
    if scope or not of_use:
        yield f"{translated(row['title'])}{scope}."
    if row["refused"]:
        attempts = row["attempts"]
        yield say("outcome.refused", attempts) if attempts else say("outcome.refused_untold")
    elif ends_use and not untried:
        yield say("outcome.no_refusal")
    if row["seen"] and in_use(row["grade"]):
        used = words.group(row["people"], row["people_hidden"], counted(result))
        who, key = f"{used[:1].upper()}{used[1:]}", "used" if row["bytes_up"] is None else "sent"
        sentence = say(f"outcome.{key}", who=who, amount=words.size(row["bytes_up"]))
        yield f"{sentence}{_before(result, row)}."
        if scope:
            yield say("outcome.of_everyone")
        elif ends_use and untried:
            yield say("outcome.untried")
        elif ends_use:
            yield say("outcome.leaks" if row["refused"] else "outcome.unstopped")
    elif seen.blind:
        yield say("outcome.blind")
    elif seen.use_untold:
        yield say("outcome.untold")
    elif comparable(result):
        yield f"{say('outcome.no_use')}{_before(result, row)}."
    else:
        yield say("outcome.otherwise")


def _used_since(result: Result, row: Row) -> bool:
    """True if the service was used on a day after the decision: that day's own use may be older than it."""
    days = (day for day in result.rows("days") if day["app"] == row["app"] and in_use(day["grade"]))
    return any(day["day"] > row["decided_on"] for day in days)


def _before(result: Result, row: Row) -> str:
    if not in_use(row["last_grade"]) or not comparable(result):
        return ""
    if row["last_bytes_up"] is not None:
        return say("outcome.sent_before", amount=words.size(row["last_bytes_up"]))
    return say("outcome.used_before")


def _moved(result: Result, row: Row) -> str:
    rows = [r for r in result.rows("moved") if r["from_app"] == row["app"]]
    if row["decision"] != "restrict" or row["rule"] not in _USE or not rows:
        return ""
    if not comparable(result):
        return ""
    grown = [f"{r['service']} ({words.status(r['status'])}, {_growth(r)})" for r in rows[:MOST]]
    return say("outcome.moved", services=words.listing(grown))


def _growth(row: Row) -> str:
    if (row["more_bytes"] or 0) > 0:
        return words.signed_size(row["more_bytes"])
    if (row["more_people"] or 0) > 0:
        return say("outcome.people", row["more_people"], people=words.signed(row["more_people"]))
    return say("outcome.people_hidden")  # new, and no figure of it may be shown
