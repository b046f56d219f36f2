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

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.marts.groups import DOMINANCE, Figures

#: Sets of rows looked at. Where more are tied together, departments are hidden until fewer are.
MOST_SETS = 256
#: Cells of a row that are looked at to tell that enough people are in it.
MOST_CELLS = 8

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

    @cached_property
    def people(self) -> Ints:
        """By label, how many subjects it has: a subject is of one label."""
        label_of = np.full(int(self.subject.max(initial=-1)) + 1, self.labels)
        label_of[self.subject] = self.label
        return np.bincount(label_of, minlength=self.labels + 1)[: self.labels]


def _number(names: pl.Series, known: list[str]) -> Ints:
    return names.cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy()


def _packed(flags: Flags) -> npt.NDArray[np.uint8]:
    """The flags of each line, eight to a byte."""
    return np.packbits(flags, axis=-1, bitorder="little")


def _in_order(lines: Flags) -> Ints:
    """The numbers of all different lines, in the order of the lists of what is set in each."""
    size = lines.shape[1]
    beyond = np.iinfo(np.uint32).max
    lists = np.sort(np.where(lines, np.arange(1, size + 1), beyond).astype(np.uint32), axis=1)
    words = np.where(lists == beyond, 0, lists).astype(">u4").view(f"S{4 * size}").ravel()
    order: Ints = np.unique(words, return_index=True)[1]
    return order


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

    def sets(self) -> Flags:
        """Every single row, and every set of rows tied together by unbroken columns that lie within it.

        A line a set; of more than MOST_SETS these and one more.
        """
        stands = np.zeros_like(self._stands)
        stands[self.column[self.unbroken], self.row[self.unbroken]] = True
        ties = stands[stands.any(axis=1)]
        masks = [int.from_bytes(line.tobytes(), "little") for line in _packed(ties[_in_order(ties)])]
        queue = [1 << row for row in np.unique(self.row).tolist()]
        known = set(queue)
        for rows_of_set in queue:
            if len(queue) > MOST_SETS:  # nobody looks further
                break
            for tie in masks:
                if tie & rows_of_set and (wider := tie | rows_of_set) not in known:
                    known.add(wider)
                    queue.append(wider)
        size = stands.shape[1]
        packed = b"".join(mask.to_bytes((size + 7) // 8, "little") for mask in queue[: MOST_SETS + 1])
        bits = np.frombuffer(packed, np.uint8).reshape(-1, (size + 7) // 8)
        return np.unpackbits(bits, axis=1, count=size, bitorder="little").astype(np.bool_)

    def within(self, sets: Flags) -> Flags:
        """Of every column, whether it lies within these rows; of many sets a line each."""
        beyond = _packed(~sets)[..., np.newaxis, :] & _packed(self._stands)
        return np.asarray(~beyond.any(axis=-1))

    def doubtful(self, sets: Flags, k: int) -> Ints:
        """The numbers of the sets that sizes alone do not tell to be safe."""
        within = self.within(sets)
        if self.figures == "people":
            rest = self._rest_of_people(sets, within)
            return np.flatnonzero((rest > 0) & (rest < k))
        # The greatest cell of each row has no more people than the row, and rows have none in common: some of
        # the greatest are enough, where one of them is left.
        columns, used = self._most_used
        left = ~within[:, columns] & sets[:, :, np.newaxis]
        safe = (np.where(left, used, 0).max(axis=2).sum(axis=1)) >= k
        if self.figures == "bytes":
            sent = ((sets @ self._sent) * ~within).sum(axis=1)
            safe &= np.where(sets, self._greatest, 0).max(axis=1) <= DOMINANCE * sent
        return np.flatnonzero(~safe)

    def lacking(self, rows: Flags, k: int) -> float | None:
        """Bytes that the rows minus the columns within them lack to be even; None where they are safe."""
        if self.figures == "people":
            return self._lacking_people(rows, k)
        rest = rows[self.row] & ~self.within(rows)[self.column]
        if not rest.any():
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

    @cached_property
    def _most_used(self) -> tuple[Ints, Ints]:
        """By row, the columns of its MOST_CELLS most used cells, and who used the most used cell there."""
        used = np.zeros((self.uses.labels + 1, self.uses.apps + 1), np.int64)
        np.maximum.at(used, (self.row, self.column), self.uses.used[self.cells])
        columns = np.argsort(used, axis=1)[:, -MOST_CELLS:]
        return columns, np.take_along_axis(used, columns, axis=1)

    @cached_property
    def _sent(self) -> Ints:
        """By row and column, what was sent."""
        sent = np.zeros((self.uses.labels + 1, self.uses.apps + 1), np.int64)
        np.add.at(sent, (self.row, self.column), self.uses.sent[self.cells])
        return sent

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
        people = np.zeros(self.uses.labels + 1, np.int64)
        np.add.at(people, self._row_of, self.uses.people)
        return people

    @cached_property
    def _parts(self) -> tuple[Ints, Ints]:
        """People of cells, added up: by row where the service is broken down, by column where it is not."""
        seen, broken = self.uses.seen[self.cells], ~self.unbroken
        by_row = np.bincount(self.row[broken], seen[broken], minlength=self.uses.labels + 1)
        by_column = np.bincount(self.column[~broken], seen[~broken], minlength=self.uses.apps + 1)
        return by_row.astype(np.int64), by_column.astype(np.int64)

    def _rest_of_people(self, sets: Flags, within: Flags) -> Ints:
        """How many people of these rows are provably in no known cell; 0 or less where that cannot be told.

        People add up over departments, not over services: of hidden services no count is known.
        """
        by_row, by_column = self._parts
        told = within[:, 1:] @ by_column[1:]
        rest: Ints = sets @ (self._people - by_row) - told
        return rest

    def _lacking_people(self, rows: Flags, k: int) -> float | None:
        """0 where the rows hold people of no known cell, and fewer than k; None where not."""
        within = self.within(rows)
        within[0] = False
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
        sets = table.sets()
        for number in table.doubtful(sets[:MOST_SETS], k):
            lacking = table.lacking(sets[number], k)
            if lacking is not None:
                return sets[number], lacking
        if len(sets) > MOST_SETS:
            return sets[MOST_SETS], float("inf")
    return None
