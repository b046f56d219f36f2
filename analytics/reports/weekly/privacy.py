"""What was done with personal data this week: re-identifications, exports, erasures, deletions, keys."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from analytics.render import words
from analytics.render.language import knows, say
from analytics.reports.result import Result, Row

#: What the page names before the rest: access to identities, and attempts at it.
_GRAVEST = (
    "reveal.show", "reveal.approve", "report.person", "evidence.read", "reveal.refuse", "reveal.request",
    "who", "export", "erase", "keys.shred",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deed:
    """A line of the record, as text."""

    day: str
    what: str
    by: str
    size: str
    reason: str
    case: str
    hash: str


def deeds(result: Result) -> tuple[Deed, ...]:
    """The entries of the audit log in the week, in order."""
    return tuple(_deed(row, ZoneInfo(result.facts.zone)) for row in result.rows("privacy_log"))


def gravest(result: Result) -> tuple[Deed, ...]:
    """The same entries, the gravest first, and last what retention does every night."""

    def rank(row: Row) -> tuple[int, bool]:
        action = row["action"]
        return _GRAVEST.index(action) if action in _GRAVEST else len(_GRAVEST), action == "retain"

    rows = sorted(result.rows("privacy_log"), key=rank)
    return tuple(_deed(row, ZoneInfo(result.facts.zone)) for row in rows)


def _deed(row: Row, zone: ZoneInfo) -> Deed:
    sizes = []
    if row["people"] is not None:
        sizes.append(say("deed.tokens", row["people"]))
    if row["deleted_rows"] is not None:
        sizes.append(say("deed.deleted", row["deleted_rows"]))
    return Deed(
        day=words.short_day(row["done_at"].astimezone(zone).date()),
        what=_done(row["action"]),
        by=row["done_by"] or words.unknown(),
        size=", ".join(sizes),
        reason=row["reason"] or "",
        case=row["case_id"] or "",
        hash=row["hash"][:12],
    )


def _done(action: str) -> str:
    """The name of an action of the audit log on the page; without a translation, the action itself."""
    key = f"deed.{action.replace('.', '_')}"
    return say(key) if knows(key) else action
