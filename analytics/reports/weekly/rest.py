"""The bytes that no line shows: the total minus all shown services, if that does not reveal a single one.

Everything here is arithmetic on published figures. In the open data services are hidden so that the rest of a
total is a safe group; here, in addition, at least two services must share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row

#: Services that must share a remainder before it is printed.
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Rest:
    """Services in use without a figure for bytes sent, and what they sent together (None: not shown)."""

    services: int
    hidden: int  # of those, hidden for their small group; the others may be unknown
    bytes_up: int | None
    bytes_up_max: int | None


def rest(result: Result) -> Rest:
    """The rest of the week under report."""
    rows = [r for r in result.rows("services") if r["seen"] and in_use(r["grade"])]
    mute = [r for r in rows if r["bytes_up"] is None]
    hidden = sum(bool(r["people_hidden"]) for r in mute)
    total = result.of_week("totals", result.scope.week)
    if total is None or hidden < FEWEST:
        return Rest(len(mute), hidden, None, None)
    low, high = (_less(total[c], rows, c) for c in ("bytes_up", "bytes_up_max"))
    return Rest(len(mute), hidden, low or None, high if low else None)


def holds_most(result: Result) -> bool:
    """True if services without a figure make up more than half of the week's bytes."""
    left, total = rest(result), result.of_week("totals", result.scope.week)
    return bool(total and total["bytes_up"] and left.bytes_up and 2 * left.bytes_up > total["bytes_up"])


def moves_most(result: Result) -> bool:
    """True if services without a figure in both weeks make up more than half of the change in bytes."""
    now, before = (result.of_week("totals", week) for week in (result.scope.week, result.scope.previous))
    if now is None or before is None or now["bytes_up"] is None or before["bytes_up"] is None:
        return False
    changes = [_moved(row) for row in result.rows("services")]
    if sum(change is None for change in changes) < FEWEST:
        return False
    change = now["bytes_up"] - before["bytes_up"]
    unexplained = change - sum(part for part in changes if part is not None)
    return bool(unexplained * change > 0 and 2 * abs(unexplained) > abs(change))


def _moved(row: Row) -> int | None:
    """Change of one service's bytes; None if the figure of either week is not shown. Not in use is 0
    bytes."""
    now = row["bytes_up"] if row["seen"] and in_use(row["grade"]) else 0
    before = row["last_bytes_up"] if row["seen_last_week"] and in_use(row["last_grade"]) else 0
    return None if now is None or before is None else now - before


def _less(total: int | None, rows: Iterable[Row], column: str) -> int | None:
    """`total` without the shown figures; None where that is no amount."""
    if total is None:
        return None
    left: int = total - sum(row[column] or 0 for row in rows)
    return left if left > 0 else None
