"""Decisions due, at most seven: findings of the policy first, then questions the week's figures raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analytics.render import words
from analytics.render.words import Noun
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted
from analytics.reports.weekly.due import Decision, findings
from analytics.reports.weekly.seeing import Seeing, comparable

#: Decisions on the page: who has to take more takes none.
MOST = 7


def decisions(result: Result, seen: Seeing) -> tuple[Decision, ...]:
    """The gravest findings, one question per other service (its strongest rule), then the blind spots."""
    blind = list(_blind_spots(result, seen))[:2]
    found = findings(result, MOST - len(blind))
    waiting = {row["app"] for row in result.rows("due")}
    compares = comparable(result, result.scope.week, result.scope.previous)
    noun = counted(result)
    asked: dict[str, Decision] = {}
    for row in result.rows("decisions"):
        if row["app"] not in asked and row["app"] not in waiting and (compares or not row["compares"]):
            asked[row["app"]] = _RULES[row["rule"]](row, result.facts.k, noun)
    return (*found, *list(asked.values())[: MOST - len(blind) - len(found)], *blind)


def more(result: Result, shown: tuple[Decision, ...]) -> int:
    """Findings that wait and did not fit."""
    return len(result.rows("due")) - sum(len(decision.findings) for decision in shown)


def _new_uploads(row: Row, k: int, noun: Noun) -> Decision:
    # Where the count is hidden, a site with a first use by k people or more was still published.
    least = f"at least {k} {noun.many} used it, and uploads were seen"
    sent = least if row["people_hidden"] else _sent_by(row, noun)
    return Decision(
        f"{row['service']}: approve, limit or refuse?",
        f"First seen this week; {sent}.",
        row["grade"],
        f"Look at the vendor's data terms and at who needs it ({words.category(row['category'])}).",
    )


def _hub_uploads(row: Row, k: int, noun: Noun) -> Decision:
    return Decision(
        f"{row['service']}: should anything be published there?",
        f"A place that stores models and data for others; {_sent_by(row, noun)}.",
        row["grade"],
        "Look at which repositories are private, and who owns them.",
    )


def _doubled(row: Row, k: int, noun: Noun) -> Decision:
    before, now = words.size(row["last_bytes_up"]), words.size_range(row["bytes_up"], row["bytes_up_max"])
    return Decision(
        f"{row['service']}: is this growth wanted?",
        f"Uploads went from {before} to {now}; {_group(row, noun)} this week.",
        row["grade"],
        "Look at the departments below, and ask what the new use is for.",
    )


def _programs(row: Row, k: int, noun: Noun) -> Decision:
    before, now = words.number(row["last_connections"]), words.number(row["connections"])
    return Decision(
        f"{row['service']}: do programs act here on their own?",
        f"Connections went from {before} to {now}; {_group(row, noun)} this week.",
        row["grade"],
        f"Look at which hosts run it and with whose keys ({words.category(row['category'])}).",
    )


_RULES: dict[str, Callable[[Row, int, Noun], Decision]] = {
    "new_uploads": _new_uploads,
    "hub_uploads": _hub_uploads,
    "doubled": _doubled,
    "programs": _programs,
}


def _blind_spots(result: Result, seen: Seeing) -> Iterator[Decision]:
    if seen.doubts:
        yield Decision(
            "Can we see enough to rely on this page?",
            f"We cannot tell {words.listing(seen.doubts, 5)}.",
            None,
            "Look at the sensors named below, then decide what to add or mend.",
        )
    mute = [s for s in result.rows("source_bytes") if s["connections"] and not s["knows_bytes_up"]]
    if mute:
        names = words.listing([f"{s['sensor']} ({s['source']})" for s in mute])
        yield Decision(
            "Should the proxy log what is sent?",
            f"{names} records no bytes sent, so uploads through it are unknown.",
            None,
            "Look at a log format with request bytes and the TLS name.",
        )


def _group(row: Row, noun: Noun) -> str:
    return words.group(row["people"], row["people_hidden"], noun)


def _sent_by(row: Row, noun: Noun) -> str:
    if row["bytes_up"] is None:
        return f"{_group(row, noun)} uploaded, how much is {words.size(None, row['people_hidden'])}"
    return f"{_group(row, noun)} sent {words.size_range(row['bytes_up'], row['bytes_up_max'])}"
