"""What was done with personal data this week: tokens turned back, exports, erasures, deletions, keys."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from analytics.render import words
from analytics.reports.result import Result, Row

#: action of the record → what the page calls it
_DONE = {
    "reveal.enrol": "Custodian enrolled",
    "reveal.request": "Names asked for",
    "reveal.approve": "Names released",
    "reveal.show": "Names looked at",
    "report.person": "Report about a person",
    "reveal.expire": "Request expired",
    "who": "Address looked up",
    "erase": "Person erased",
    "export": "Person given their data",
    "evidence.keep": "Packets of matched connections kept",
    "evidence.read": "Kept packets read",
    "retain": "Old rows deleted",
    "keys.rotate": "New keys from next Monday",
    "keys.shred": "Key destroyed",
}


@dataclass(frozen=True, slots=True)
class Deed:
    """A line of the record, as it reads."""

    day: str
    what: str
    by: str
    size: str
    reason: str
    case: str
    hash: str


def deeds(result: Result) -> tuple[Deed, ...]:
    """The record's entries of the week, in order."""
    return tuple(_deed(row, ZoneInfo(result.facts.zone)) for row in result.rows("privacy_log"))


def _deed(row: Row, zone: ZoneInfo) -> Deed:
    sizes = []
    if row["people"] is not None:
        sizes.append(words.plural(row["people"], "token"))
    if row["deleted_rows"] is not None:
        sizes.append(f"{words.plural(row['deleted_rows'], 'row')} deleted")
    return Deed(
        day=words.short_day(row["done_at"].astimezone(zone).date()),
        what=_DONE.get(row["action"], str(row["action"])),
        by=row["done_by"] or words.UNKNOWN,
        size=", ".join(sizes),
        reason=row["reason"] or "",
        case=row["case_id"] or "",
        hash=row["hash"][:12],
    )
