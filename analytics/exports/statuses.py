"""The status of services for the whole organisation, from compiled policy rows. Pure.

A list on a firewall or resolver knows no departments. So only lines without a scope decide here; narrower
lines and exceptions become warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from analytics.policy import read

Row = Mapping[str, Any]
UNREVIEWED = "unreviewed"
#: What a service may be, as `--status` names it; `never` lines count as unsanctioned.
STATUSES = (*read.STATUSES, UNREVIEWED)
#: Statuses that allow some people to use a service, so that a block list must not contain it.
USABLE = frozenset({"sanctioned", "tolerated", "under_review", "restricted"})
#: Statuses that an exception excuses from.
_EXCUSABLE = frozenset({"unsanctioned", "restricted", UNREVIEWED})


class Statuses:
    """Evaluates the policy for one service and access class at a time, and remembers the results."""

    def __init__(self, policy: Sequence[Row], exceptions: Sequence[Row], services: Sequence[Row]) -> None:
        lines = (row for row in policy if row["kind"] in ("status", "never"))
        self._lines = sorted(lines, key=lambda row: (-row["precedence"], row["line"]))
        self._exceptions = exceptions
        self._services = {row["app"]: row for row in services}
        self._known: dict[tuple[str, str], str] = {}

    def of(self, app: str, access: str) -> str:
        """The status of a service and access class, one of STATUSES."""
        key = (app, access)
        if key not in self._known:
            self._known[key] = self._ask(app, access)
        return self._known[key]

    def standing(self, app: str, access: str, on: date) -> str:
        """The status, or which exception excuses everyone that day from what it rules out."""
        status = self.of(app, access)
        rules = [row for row in self._lines if row["kind"] == "never" and _everyone(row)]
        if status not in _EXCUSABLE or any(self._about(row, app, access) for row in rules):
            return status
        general = (row for row in self._exceptions if _everyone(row) and not row["for_people"])
        holding = [row for row in general if row["expires"] >= on and self._about(row, app, access)]
        if not holding:
            return status
        longest = max(holding, key=lambda row: row["expires"])
        return f"excused by exception {longest['exception']} until {longest['expires']}"

    def _ask(self, app: str, access: str) -> str:
        lines = [row for row in self._lines if _everyone(row) and self._about(row, app, access)]
        if any(row["kind"] == "never" for row in lines):
            return "unsanctioned"
        return next((str(row["status"]) for row in lines), UNREVIEWED)

    def of_vendor(self, app: str) -> Iterator[str]:
        """The service, and the others of its vendor."""
        vendor = self._services.get(app, {}).get("vendor")
        yield app
        for other, row in self._services.items():
            if vendor is not None and other != app and row.get("vendor") == vendor:
                yield other

    def narrower(self, app: str, on: date) -> Iterator[str]:
        """Texts: for whom another line, or an exception valid on that day, makes a difference."""
        for row in self._lines:
            if not _everyone(row) and self._about(row, app, row["access"]):
                says = f"is {row['status']} for" if row["kind"] == "status" else "must never be used by"
                yield f"{app} {says} {row['scope']} (policy line {row['line']})"
        for row in self._exceptions:
            if row["expires"] >= on and self._about(row, app, row["access"]):
                whom = row["scope"] if row["scope"] != "all" or not row["for_people"] else ""
                whom = ", ".join(filter(None, (whom, "named people" if row["for_people"] else "")))
                yield f"{app} has exception {row['exception']} until {row['expires']} ({whom})"

    def _about(self, row: Row, app: str, access: str | None) -> bool:
        service = self._services.get(app, {})
        asked = {
            "app": app,
            "access": access,
            **{k: service.get(k) for k in ("vendor", "category", "country")},
        }
        if any(row[key] is not None and row[key] != value for key, value in asked.items()):
            return False
        least, risk = row["risk_at_least"], service.get("risk_low")
        return least is None or (risk is not None and risk >= least)


def _everyone(row: Row) -> bool:
    return all(row[scope] is None for scope in read.SCOPES)
