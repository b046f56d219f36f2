"""What the totals of departments and of services give away together about the cells where they cross.

In: members, and which totals and which services' breakdowns are hidden. Out: what more must be
hidden. Pure.

A service is broken down by department in full or not at all. Take the table of departments × services
that are not broken down; its row sums (department total minus shown cells) and column sums (service
totals) can be computed by anyone. Hidden departments are one row, hidden services one column, for
only their sum is known. An attacker is taken to know which cells are empty: a service whose people
and connections in one department are those of all has no others.

Which sums of cells follow then? Those with weights a(row) - b(column) that are 0 or 1 on every cell
that is not empty. Cut at every integer, such a sum falls apart into sums of the form

    the rows R, minus all columns that lie within R

and whole columns, which were checked. Rows that no column within R ties together fall apart further.
So it is enough to check single rows, and rows tied together by columns within them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from analytics.marts.groups import Figures, cheapest, even, groups, need, safe

#: Sets of rows looked at. Where more are tied together, departments are hidden until fewer are.
MOST_SETS = 256
#: Row of the hidden departments, column of the hidden services (no label or service is empty).
_POOLED = ""

Rows = frozenset[str]


@dataclass(frozen=True)
class Crossing:
    """Keys of what is hidden: services' totals, their breakdown, departments' totals."""

    services: pl.DataFrame
    breakdown: pl.DataFrame
    labels: pl.DataFrame


def shield_crossing(members: pl.DataFrame, hidden: Crossing, k: int, figures: Figures) -> Crossing:
    """`hidden`, and the breakdowns and departments it takes so that totals give no small group away.

    A further service's breakdown goes first; where that cannot help, totals of departments. With all
    of them hidden there is one row, every column lies within it, and nothing follows.
    """
    while True:
        table = _table(members, hidden, figures)
        rows, lacking = _given_away(table, k, figures)
        if rows is None:
            return hidden
        outside = table.filter(pl.col("row").is_in(list(rows)), ~pl.col("unbroken"), ~_within(table, rows))
        parts = groups(outside, ["app"]).with_columns(need=pl.lit(lacking)).sort(*cheapest(figures), "app")
        breakdown, labels = hidden.breakdown, hidden.labels
        if parts.height and lacking != float("inf"):
            breakdown = pl.concat([breakdown, parts.head(1).select("app")])
        else:
            labels = pl.concat([labels, _next_department(table, rows)])
        hidden = Crossing(hidden.services, breakdown, labels)


def _table(members: pl.DataFrame, hidden: Crossing, figures: Figures) -> pl.DataFrame:
    """Members with `row`, `column` and `unbroken`, without the cells that are empty in these figures."""
    row = pl.when(pl.col("label").is_in(hidden.labels["label"].to_list())).then(pl.lit(_POOLED))
    column = pl.when(pl.col("app").is_in(hidden.services["app"].to_list())).then(pl.lit(_POOLED))
    table = members.with_columns(
        row=row.otherwise("label"),
        column=column.otherwise("app"),
        unbroken=pl.col("app").is_in(hidden.breakdown["app"].to_list()),
    )
    if figures == "sums":
        return table
    table = table.filter("using")
    return table.filter(pl.col("bytes_up").sum().over("row", "app") > 0) if figures == "bytes" else table


def _given_away(table: pl.DataFrame, k: int, figures: Figures) -> tuple[Rows | None, float]:
    """Rows whose sums give a small group away, and the bytes that group lacks to be even."""
    # Lookups are of everyone seen, connections of those who use: either may have the empty cells.
    views = [table, table.filter("using")] if figures == "sums" else [table]
    for view in views:
        cells = view if figures == "people" else view.filter("unbroken")
        for number, rows in enumerate(_tied_rows(cells)):
            if number == MOST_SETS:
                return rows, float("inf")
            lacking = (
                _lacking_people(cells, rows, k) if figures == "people" else _lacking(cells, rows, k, figures)
            )
            if lacking is not None:
                return rows, lacking
    return None, 0.0


def _tied_rows(cells: pl.DataFrame) -> Iterator[Rows]:
    """Every single row, and every set of rows tied together by columns that lie within it."""
    columns = cells.filter("unbroken").group_by("column").agg(pl.col("row").unique())
    ties = sorted({frozenset(rows) for rows in columns["row"].to_list()}, key=sorted)
    queue = [frozenset([row]) for row in sorted(cells["row"].unique())]
    known = set(queue)
    while queue:
        rows = queue.pop(0)
        yield rows
        for tie in ties:
            if tie & rows and (wider := tie | rows) not in known:
                known.add(wider)
                queue.append(wider)


def _within(cells: pl.DataFrame, rows: Rows) -> pl.Expr:
    """Whether the column of a cell lies within these rows."""
    beyond = cells.filter(~pl.col("row").is_in(list(rows)))["column"].unique()
    return ~pl.col("column").is_in(beyond.to_list())


def _lacking(cells: pl.DataFrame, rows: Rows, k: int, figures: Figures) -> float | None:
    """Bytes that the rows minus the columns within them lack to be even; None where they are safe."""
    if figures == "people":
        return _lacking_people(cells, rows, k)
    rest = cells.filter(pl.col("row").is_in(list(rows)), ~_within(cells, rows))
    bad = ~(safe(k) & even()) if figures == "bytes" else ~safe(k)
    found = groups(rest.with_columns(all=pl.lit(0)), ["all"]).filter(bad).select(need().clip(0))
    return float(found.item()) if found.height else None


def _lacking_people(cells: pl.DataFrame, rows: Rows, k: int) -> float | None:
    """0 where the rows provably hold people of no known cell, and fewer than k; None where not.

    People add up over departments, not over services: of hidden services no count is known.
    """
    inside = cells.filter(pl.col("row").is_in(list(rows)))
    known = ~pl.col("unbroken") | (_within(cells, rows) & (pl.col("column") != _POOLED))
    visible = inside.filter(known)
    parts = visible.select("app", "subject").unique().height
    total, outside = inside["subject"].n_unique(), inside.join(visible, on="subject", how="anti")
    return 0.0 if total > parts and 0 < outside["subject"].n_unique() < k else None


def _next_department(table: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """The smallest department still shown, of these rows if there is one."""
    shown = table.filter(pl.col("row") != _POOLED).with_columns(near=pl.col("row").is_in(list(rows)))
    return groups(shown, ["near", "label"]).sort(~pl.col("near"), "seen", "label").head(1).select("label")
