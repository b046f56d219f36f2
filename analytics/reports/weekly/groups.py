"""The matrix of departments and services. Figures of small groups are already hidden; here they are
labelled."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say
from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import tied

SERVICES = 4
DEPARTMENTS = 9
#: Rows that are no departments; they come last.
_LAST = ("other", "unattributed")


@dataclass(frozen=True, slots=True)
class Cell:
    """People (or addresses) of one department on one service."""

    text: str
    grade: int | None
    state: str  # "count", "hidden" or "pooled"


@dataclass(frozen=True, slots=True)
class Department:
    """One row: its total and its cells in the order of the matrix's services."""

    name: str
    remark: str
    people: Cell
    sent: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Department × service; `more` departments did not fit. `whole` are services without figures by
    department.

    Each service's other departments are those without a figure of their own in its column.
    """

    services: tuple[str, ...]
    whole: tuple[str, ...]
    departments: tuple[Department, ...]
    more: int
    hides: bool
    pools: bool
    tied_to_nobody: bool  # a row on the page counts use without a known department


def departments(result: Result) -> Matrix:
    """The matrix: departments by number of people, then hidden ones; `other` and people without one come
    last."""
    rows = {(r["department"], r["app"]): r for r in result.rows("departments")}
    used = [s for s in result.rows("services") if s["seen"] and in_use(s["grade"])]
    # A service without figures by department gets no column, because an empty one would mean that nobody used
    # it.
    broken_down = {app for _, app in rows}
    top = [s for s in used if s["app"] in broken_down][:SERVICES]
    # Without any use there are no rows, because zeros would mean that each department used none.
    found = {name for name, _ in rows} if used else set()
    names = sorted(found, key=lambda name: _order(name, rows.get((name, "all"))))
    own = [name for name in names if name not in _LAST]
    names = own[:DEPARTMENTS] + [name for name in names if name in _LAST]
    table = [_department(name, rows, [s["app"] for s in top], result.facts.k) for name in names]
    attribution = tied(result)
    whole = attribution is not None and attribution["attributed_connections"] == attribution["connections"]
    states = {cell.state for row in table for cell in (row.people, *row.cells)}
    return Matrix(
        tuple(s["service"] for s in top),
        tuple(s["service"] for s in used if s["app"] not in broken_down),
        tuple(table),
        max(len(own) - DEPARTMENTS, 0),
        "hidden" in states,
        "other" in names,
        "unattributed" in names and not whole,
    )


def _order(name: str, total: Row | None) -> tuple[bool, int, str]:
    count = total["people"] if total and total["people"] is not None else -1
    return (name in _LAST, -count, name)


def _department(name: str, rows: dict[tuple[str, str], Row], apps: list[str], k: int) -> Department:
    total = rows.get((name, "all"))
    label, remark = name, ""
    if name in _LAST:
        label = say(f"departments.{name}")
        remark = say("departments.pooled") if name == "other" else ""
    cells = [_cell(rows.get((name, app)), rows.get(("other", app)), k) for app in apps]
    if total and total["grade"] == 1:  # only lookups, which do not tell that nobody used it
        cells = [Cell(say("where.nothing"), None, "count") for _ in apps]
    sent = words.size_range(total["bytes_up"], total["bytes_up_max"], words.withheld(total)) if total else "–"
    return Department(
        label,
        remark,
        _total(total, k),
        sent,
        tuple(cells),
    )


def _total(row: Row | None, k: int) -> Cell:
    if row is None:  # no total was published
        return Cell("–", None, "count")
    # The department itself is not small: its total is hidden because it would reveal a small one.
    if row["people_hidden"]:
        return Cell(words.hidden(), None, "hidden")
    if row["grade"] == 1:
        return Cell(say("where.nothing"), 1, "count")
    return _count(row, k)


def _cell(row: Row | None, others: Row | None, k: int) -> Cell:
    if row is not None:
        return _count(row, k)
    if others is not None:
        return Cell(say("departments.in_other"), None, "pooled")
    return Cell(words.number(0), None, "count")  # all users of the service are in other rows


def _count(row: Row, k: int) -> Cell:
    return Cell(words.people(row["people"], row["people_hidden"], k), row["grade"], "count")
