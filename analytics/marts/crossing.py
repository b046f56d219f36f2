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

A subject is of one department, so subjects of rows add up. Most sets of rows are told to be safe by the
sizes of their cells; only the others are counted subject by subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.marts.groups import DOMINANCE, Figures

#: Sets of rows looked at. Where more are tied together, departments are hidden until fewer are.
MOST_SETS = 256

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


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
    names = _Names(sorted(members["label"].unique()), sorted(members["app"].unique()))
    using = _Uses.of(members.filter("using"), names)
    # Lookups are of everyone seen, connections of those who use: either may have the empty cells.
    views = [_Uses.of(members, names), using] if figures == "sums" else [using]
    state = _State(
        services=names.flags_of_apps(hidden.services),
        unbroken=names.flags_of_apps(hidden.breakdown),
        labels=names.flags_of_labels(hidden.labels),
    )
    while (found := _given_away(views, state, k, figures)) is not None:
        rows, lacking = found
        table = _Table(views[0], state, figures)
        app = None if lacking == float("inf") else table.cheapest_app(rows, lacking)
        if app is not None:
            state.unbroken[app] = True
        elif (label := table.next_label(rows)) is not None:
            state.labels[label] = True
        else:
            break
    return Crossing(
        hidden.services,
        pl.DataFrame({"app": names.chosen(names.apps, state.unbroken)}, schema={"app": pl.String}),
        pl.DataFrame({"label": names.chosen(names.labels, state.labels)}, schema={"label": pl.String}),
    )


@dataclass(frozen=True)
class _Names:
    """Departments' labels and services, by number."""

    labels: list[str]
    apps: list[str]

    def flags_of_apps(self, keys: pl.DataFrame) -> Flags:
        return np.isin(self.apps, keys["app"].to_list())

    def flags_of_labels(self, keys: pl.DataFrame) -> Flags:
        return np.isin(self.labels, keys["label"].to_list())

    @staticmethod
    def chosen(names: list[str], flags: Flags) -> list[str]:
        return [name for name, flag in zip(names, flags, strict=True) if flag]


@dataclass
class _State:
    """What is hidden so far: services' totals, their breakdown by department, departments' totals."""

    services: Flags
    unbroken: Flags
    labels: Flags


@dataclass(frozen=True)
class _Uses:
    """Who used what, by number: a row a label, service and subject; and summed by label and service."""

    label: Ints
    app: Ints
    subject: Ints
    using: Ints  # 1 or 0
    bytes_up: Ints
    labels: int
    apps: int

    @classmethod
    def of(cls, members: pl.DataFrame, names: _Names) -> _Uses:
        """Of members: subject, label, app, using, bytes_up, a row a day."""
        each = members.group_by("label", "app", "subject").agg(
            pl.col("using").any().cast(pl.Int64), pl.col("bytes_up").sum().cast(pl.Int64)
        )
        return cls(
            label=_number(each["label"], names.labels),
            app=_number(each["app"], names.apps),
            subject=each["subject"].rank("dense").cast(pl.Int64).to_numpy() - 1,
            using=each["using"].to_numpy(),
            bytes_up=each["bytes_up"].to_numpy(),
            labels=len(names.labels),
            apps=len(names.apps),
        )

    @cached_property
    def cell(self) -> Ints:
        """The number of the row's label and service."""
        return self.label * self.apps + self.app

    def summed(self, values: Ints | None = None) -> Ints:
        """Rows, or their values, by label and service: of labels × apps entries."""
        weights = None if values is None else values.astype(np.float64)
        counted = np.bincount(self.cell, weights, minlength=self.labels * self.apps)
        return counted.astype(np.int64)

    @cached_property
    def seen(self) -> Ints:
        return self.summed()

    @cached_property
    def used(self) -> Ints:
        return self.summed(self.using)

    @cached_property
    def sent(self) -> Ints:
        return self.summed(self.bytes_up)


def _number(names: pl.Series, known: list[str]) -> Ints:
    return names.cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy()


class _Table:
    """The departments × services that are there in these figures, by what is hidden.

    Row 0 are the hidden departments, column 0 the hidden services, for only their sums are known; the others
    have the number of their label or service, plus one.
    """

    def __init__(self, uses: _Uses, state: _State, figures: Figures, *, unbroken_only: bool = False) -> None:
        self.uses, self.state, self.figures = uses, state, figures
        self._row_of = np.where(state.labels, 0, np.arange(1, uses.labels + 1))
        self._column_of = np.where(state.services, 0, np.arange(1, uses.apps + 1))
        there = uses.seen > 0
        if figures == "bytes":
            # A cell is empty where nothing was sent: of hidden departments together.
            sent = np.zeros((uses.labels + 1, uses.apps), np.int64)
            np.add.at(sent, self._row_of, uses.sent.reshape(uses.labels, uses.apps))
            there &= (sent[self._row_of] > 0).ravel()
        if unbroken_only:
            there &= np.tile(state.unbroken, uses.labels)
        self._there = there
        self.cells = np.flatnonzero(there)
        self.label, self.app = self.cells // max(uses.apps, 1), self.cells % max(uses.apps, 1)
        self.row, self.column = self._row_of[self.label], self._column_of[self.app]
        self.unbroken = state.unbroken[self.app]
        self._stands = np.zeros((uses.apps + 1, uses.labels + 1), np.bool_)
        self._stands[self.column, self.row] = True

    def sets(self) -> Iterator[Flags]:
        """Every single row, and every set of rows tied together by unbroken columns that lie within it."""
        stands = np.zeros_like(self._stands)
        stands[self.column[self.unbroken], self.row[self.unbroken]] = True
        ties = sorted({tuple(np.flatnonzero(line).tolist()) for line in stands if line.any()})
        masks = [sum(1 << row for row in tie) for tie in ties]
        queue = [1 << row for row in np.unique(self.row).tolist()]
        known = set(queue)
        for rows in queue:
            yield self._flags(rows)
            if len(queue) > MOST_SETS:  # nobody looks further
                continue
            for tie in masks:
                if tie & rows and (wider := tie | rows) not in known:
                    known.add(wider)
                    queue.append(wider)

    def _flags(self, rows: int) -> Flags:
        size = self._stands.shape[1]
        packed = np.frombuffer(rows.to_bytes((size + 7) // 8, "little"), np.uint8)
        return np.unpackbits(packed, count=size, bitorder="little").astype(np.bool_)

    def within(self, rows: Flags) -> Flags:
        """Of every column, whether it lies within these rows."""
        beyond: Flags = np.any(self._stands[:, ~rows], axis=1)
        return ~beyond

    def lacking(self, rows: Flags, k: int) -> float | None:
        """Bytes that the rows minus the columns within them lack to be even; None where they are safe."""
        if self.figures == "people":
            return self._lacking_people(rows, k)
        rest = rows[self.row] & ~self.within(rows)[self.column]
        if not rest.any() or self._is_plainly_safe(rest, k):
            return None
        mine = self._rows_of_cells(rest)
        by_subject = np.unique(self.uses.subject[mine], return_inverse=True)[1]
        seen = int(by_subject.max()) + 1
        using = int((np.bincount(by_subject, self.uses.using[mine]) > 0).sum())
        sent = np.bincount(by_subject, self.uses.bytes_up[mine])
        total, top = int(sent.sum()), int(sent.max())
        bad = not (seen >= k and (using == 0 or using >= k))
        if self.figures == "bytes":
            bad |= top > DOMINANCE * total
        return max(top / DOMINANCE - total, 0.0) if bad else None

    def _is_plainly_safe(self, rest: Flags, k: int) -> bool:
        """Do the sizes of the cells tell already that enough people are in them, none with most of the bytes?

        The greatest cell of each row has no more people than the row, and rows have none in common.
        """
        cells, rows = self.cells[rest], self.row[rest]
        least = np.zeros((2, self.uses.labels + 1), np.int64)
        np.maximum.at(least[0], rows, self.uses.seen[cells])
        np.maximum.at(least[1], rows, self.uses.used[cells])
        enough = bool((least.sum(axis=1) >= k).all())
        if self.figures == "sums" or not enough:
            return enough
        return bool(self._greatest[np.unique(rows)].max() <= DOMINANCE * self.uses.sent[cells].sum())

    @cached_property
    def _greatest(self) -> Ints:
        """By row, what its greatest sender sent in all cells."""
        uses, out = self.uses, np.zeros(self.uses.labels + 1, np.int64)
        mine = self._there[uses.cell]
        if mine.any():
            row = self._row_of[uses.label[mine]]
            keys, place = np.unique(row * (uses.subject.max() + 1) + uses.subject[mine], return_inverse=True)
            sent = np.bincount(place, uses.bytes_up[mine]).astype(np.int64)
            np.maximum.at(out, keys // (uses.subject.max() + 1), sent)
        return out

    @cached_property
    def _people(self) -> Ints:
        """By row, how many subjects are in its cells."""
        uses = self.uses
        mine = self._there[uses.cell]
        width = int(uses.subject.max()) + 1 if len(uses.subject) else 1
        keys = np.unique(self._row_of[uses.label[mine]] * width + uses.subject[mine])
        return np.bincount(keys // width, minlength=uses.labels + 1)

    @cached_property
    def _parts(self) -> tuple[Ints, Ints]:
        """People of cells, added up: by row where the service is broken down, by column where it is not."""
        seen, broken = self.uses.seen[self.cells], ~self.unbroken
        by_row = np.bincount(self.row[broken], seen[broken], minlength=self.uses.labels + 1)
        by_column = np.bincount(self.column[~broken], seen[~broken], minlength=self.uses.apps + 1)
        return by_row.astype(np.int64), by_column.astype(np.int64)

    def _lacking_people(self, rows: Flags, k: int) -> float | None:
        """0 where the rows provably hold people of no known cell, and fewer than k; None where not.

        People add up over departments, not over services: of hidden services no count is known.
        """
        within = self.within(rows)
        within[0] = False
        by_row, by_column = self._parts
        total, parts = self._people[rows].sum(), by_row[rows].sum() + by_column[within].sum()
        if total <= parts or total - parts >= k:
            return None
        inside = rows[self.row]
        known = ~self.unbroken | within[self.column]
        visible = self.uses.subject[self._rows_of_cells(inside & known)]
        outside = len(np.setdiff1d(self.uses.subject[self._rows_of_cells(inside)], visible))
        return 0.0 if 0 < outside < k else None

    def _rows_of_cells(self, chosen: Flags) -> Flags:
        """The rows of `uses` in these cells."""
        flags = np.zeros(self.uses.labels * self.uses.apps, np.bool_)
        flags[self.cells[chosen]] = True
        return flags[self.uses.cell]

    def cheapest_app(self, rows: Flags, lacking: float) -> int | None:
        """The service given up first (`cheapest`) of those broken down here and in other rows."""
        chosen = rows[self.row] & ~self.unbroken & ~self.within(rows)[self.column]
        cells = self.cells[chosen]
        seen, used, sent = (
            np.bincount(self.app[chosen], what[cells]).astype(np.int64)
            for what in (self.uses.seen, self.uses.used, self.uses.sent)
        )
        apps = np.unique(self.app[chosen]).tolist()
        if self.figures != "bytes":
            return min(apps, key=lambda app: (seen[app], used[app], sent[app], app), default=None)
        return min(
            apps,
            key=lambda app: (
                sent[app] < lacking, sent[app] if sent[app] >= lacking else -sent[app], seen[app], app,
            ),
            default=None,
        )  # fmt: skip

    def next_label(self, rows: Flags) -> int | None:
        """The smallest department still shown, of these rows if there is one."""
        mine = self._there[self.uses.cell] & (self._row_of[self.uses.label] > 0)
        width = int(self.uses.subject.max()) + 1 if len(self.uses.subject) else 1
        keys = np.unique(self.uses.label[mine] * width + self.uses.subject[mine])
        people = np.bincount(keys // width, minlength=self.uses.labels)
        shown = np.flatnonzero(people).tolist()
        return min(
            shown, key=lambda label: (not rows[self._row_of[label]], people[label], label), default=None
        )


def _given_away(views: list[_Uses], state: _State, k: int, figures: Figures) -> tuple[Flags, float] | None:
    """Rows whose sums give a small group away, and the bytes that group lacks to be even."""
    for uses in views:
        table = _Table(uses, state, figures, unbroken_only=figures != "people")
        for number, rows in enumerate(table.sets()):
            if number == MOST_SETS:
                return rows, float("inf")
            lacking = table.lacking(rows, k)
            if lacking is not None:
                return rows, lacking
    return None
