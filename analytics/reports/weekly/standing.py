"""Services by policy status, the concentration of use, and what expires."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say
from analytics.reports.result import Result, Row
from analytics.reports.weekly.coverage import comparable
from analytics.reports.weekly.due import is_past
from analytics.reports.weekly.verdict import UNAPPROVED

#: Days ahead that an exception or review is announced.
AHEAD_DAYS = 60
#: A share of bytes is only printed if figures of this many services are.
_LEAST_TOLD = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """A status, and what was sent to services that have it."""

    status: str
    label: str
    services: str
    bytes_up: int | None
    bytes_up_max: int | None
    sent: str
    change: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """An exception, or a policy line to be reviewed, that has expired or expires soon."""

    about: str
    what: str
    when: str
    over: bool
    owner: str


def statuses(result: Result) -> dict[str, Row]:
    """The status for everyone by service id; empty without a policy."""
    return {row["app"]: row for row in result.rows("statuses")} if result.rows("policies") else {}


def standings(result: Result) -> tuple[Standing, ...]:
    """One line per status; none without a policy."""
    if not result.rows("policies"):
        return ()
    rows = {row["status"]: row for row in result.rows("by_status") if row["services"]}
    compares = comparable(result)
    return tuple(_standing(rows[name], compares) for name in words.STATUSES if name in rows)


def _standing(row: Row, compares: bool) -> Standing:
    untold = row["untold"]
    services = say("count.services", row["services"])
    if untold and untold < row["services"]:
        services = say("standing.untold", untold, services=services)
    change = ""
    is_complete = not untold and not row["last_untold"]
    if compares and is_complete and row["last_bytes_up"] is not None:
        change = words.signed_size(row["bytes_up"] - row["last_bytes_up"])
    unmeasured = row["unmeasured"]
    is_hidden = True if not unmeasured else False if unmeasured == untold else None
    sent = words.size_range(row["bytes_up"], row["bytes_up_max"], is_hidden=is_hidden)
    return Standing(
        row["status"],
        words.status(row["status"]),
        services,
        row["bytes_up"],
        row["bytes_up_max"],
        sent,
        change,
    )


def approved(result: Result) -> str:
    """A text: which statuses count as unapproved, if `restricted` could be taken for one of them, or some may
    use a service of one of them."""
    found = {row["status"] for row in result.rows("by_status") if row["services"]}
    if not result.rows("policies") or not found & {*UNAPPROVED}:
        return ""
    if any(row["allowed_for_some"] for row in result.rows("statuses") if row["status"] in UNAPPROVED):
        return say("standing.approved_but")
    return say("standing.approved") if "restricted" in found else ""


def sanctioned(result: Result) -> str:
    """A text: share of bytes sent that went to sanctioned services, this week and last week."""
    if not result.rows("policies"):
        return ""
    rows = result.rows("by_status")
    whole = sum(row["bytes_up"] or 0 for row in rows)
    part = sum(row["bytes_up"] or 0 for row in rows if row["status"] == "sanctioned")
    if not whole:
        return ""
    now = words.share(part, whole)
    before = {row["status"]: row["last_bytes_up"] or 0 for row in rows}
    last = sum(before.values())
    if last and comparable(result):
        share = words.share(before.get("sanctioned", 0), last)
        return say("standing.sanctioned_before", share=now, before=share)
    return say("standing.sanctioned", share=now)


def concentration(result: Result) -> str:
    """A text: share of bytes sent that went to the top three services."""
    known = [row["bytes_up"] for row in result.rows("services") if row["seen"] and row["bytes_up"]]
    if len(known) < _LEAST_TOLD:
        return ""
    first = sum(sorted(known, reverse=True)[:3])
    part = words.share(first, sum(known))
    return say("standing.concentration", len(known), share=part)


def expiries(result: Result) -> tuple[Expiry, ...]:
    """What has expired, or expires within AHEAD_DAYS, the earliest first."""
    return tuple(_expiry(row, result) for row in result.rows("expiries") if row["days_left"] <= AHEAD_DAYS)


def _expiry(row: Row, result: Result) -> Expiry:
    over = is_past(row["ends"], result)
    kind = "exception" if row["kind"] == "exception" else "review"
    if kind == "review":
        what = say("expiry.review", line=row["id"].removeprefix("line "))
    else:
        what = say("expiry.exception", id=row["id"])
    what += words.scope(row["scope"])
    anything = say("expiry.any" if row["is_whole"] else "expiry.some")
    when = f"{words.short_day(row['ends'])} {row['ends'].year}"
    return Expiry(
        row["about"] or (words.category(row["category"]) if row["category"] else anything),
        say("expiry.for_people", what=what) if row["for_people"] else what,
        say(f"expiry.{kind}_over" if over else f"expiry.{kind}_ends", day=when),
        over,
        row["owner"] or say("due.no_owner"),
    )
