"""Where services stand with the policy: by status, how concentrated, and what ends when."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.render import words
from analytics.reports.result import Result, Row
from analytics.reports.weekly.seeing import comparable

#: Days ahead that an exception or review is announced.
AHEAD_DAYS = 60
#: A share of bytes is said only where figures of this many services are shown.
_LEAST_TOLD = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """A status and what went to the services that have it."""

    status: str
    label: str
    services: str
    bytes_up: int | None
    bytes_up_max: int | None
    sent: str
    change: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """An exception, or a line of the policy to be reviewed, that is over or ends soon."""

    about: str
    what: str
    when: str
    over: bool
    owner: str


def statuses(result: Result) -> dict[str, Row]:
    """Service id → its status for everyone; empty without a policy."""
    return {row["app"]: row for row in result.rows("statuses")} if result.rows("policies") else {}


def standings(result: Result) -> tuple[Standing, ...]:
    """One line per status; none without a policy."""
    if not result.rows("policies"):
        return ()
    rows = {row["status"]: row for row in result.rows("by_status")}
    compares = comparable(result, result.scope.week, result.scope.previous)
    return tuple(_standing(rows[name], compares) for name in words.STATUSES if name in rows)


def _standing(row: Row, compares: bool) -> Standing:
    untold = row["untold"]
    note = f", {words.number(untold)} without a figure" if untold and untold < row["services"] else ""
    change = ""
    if compares and not untold and row["bytes_up"] is not None and row["last_bytes_up"] is not None:
        change = words.signed_size(row["bytes_up"] - row["last_bytes_up"])
    sent = words.size_range(row["bytes_up"], row["bytes_up_max"], hidden=True)
    return Standing(
        row["status"],
        words.STATUSES[row["status"]],
        words.plural(row["services"], "service") + note,
        row["bytes_up"],
        row["bytes_up_max"],
        sent,
        change,
    )


def sanctioned(result: Result) -> str:
    """Share of what was sent that went to sanctioned services, now and last week."""
    if not result.rows("policies"):
        return ""
    rows = result.rows("by_status")
    whole = sum(row["bytes_up"] or 0 for row in rows)
    part = sum(row["bytes_up"] or 0 for row in rows if row["status"] == "sanctioned")
    if not whole:
        return ""
    text = f"{words.share(part, whole)} of the bytes shown went to sanctioned services"
    before = {row["status"]: row["last_bytes_up"] or 0 for row in rows}
    last = sum(before.values())
    if last and comparable(result, result.scope.week, result.scope.previous):
        text += f"; the same services had {words.share(before.get('sanctioned', 0), last)} last week"
    return f"{text}."


def concentration(result: Result) -> str:
    """How much of what was sent went to the first three services."""
    known = [row["bytes_up"] for row in result.rows("services") if row["seen"] and row["bytes_up"]]
    if len(known) < _LEAST_TOLD:
        return ""
    first = sum(sorted(known, reverse=True)[:3])
    part = words.share(first, sum(known))
    return f"Three of {len(known)} services with a figure received {part} of its bytes."


def expiries(result: Result) -> tuple[Expiry, ...]:
    """What is over or ends within AHEAD_DAYS, the earliest first."""
    return tuple(_expiry(row) for row in result.rows("expiries") if row["days_left"] <= AHEAD_DAYS)


def _expiry(row: Row) -> Expiry:
    over = row["days_left"] < 0
    kind = f"exception {row['id']}" if row["kind"] == "exception" else f"review of {row['id']}"
    scope = "" if row["scope"] == "all" else f", {row['scope'].replace('=', ' ')}"
    people = ", for named people" if row["for_people"] else ""
    verb = (
        "was due"
        if over and row["kind"] == "review"
        else "due"
        if row["kind"] == "review"
        else "ended"
        if over
        else "ends"
    )
    return Expiry(
        row["about"],
        f"{kind}{scope}{people}",
        f"{verb} {words.short_day(row['ends'])} {row['ends'].year}",
        over,
        row["owner"] or "no owner named",
    )
