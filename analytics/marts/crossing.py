"""Hides what the totals of departments and services would reveal together about the cells where they cross.

In: members (groups.py), and the totals and cells that are hidden. Out: what must be hidden as well. Pure.

Take the hidden cells of the table of departments × services. Their row sums (department total minus its
shown cells) and column sums (service total minus its shown cells: the pool of the service) can be
computed by anyone. Hidden departments are one row, hidden services one column, for only their sum is
known. An attacker is taken to know which cells are empty: a service whose people and connections in one
department are those of all has no others.

Which sums of cells follow then? Those with weights a(row) - b(column) that are 0 or 1 on every cell
that is not empty. Cut at every integer, such a sum falls apart into sums of the form

    the rows R, minus all columns that lie within R

and whole columns, which were checked. Rows that no column ties together fall apart further.

So every R is looked for of which too few people are left. Rows are put inside or outside one after
another. A column with cells on both sides does not lie within R, wherever the other rows go, and who is
in its inner cells stays: once these are enough, no R that goes on like this is unsafe, and the search
turns back. It sees little of the 2^rows that way.

A subject is of one department, so subjects of rows add up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_

import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.marts.groups import DOMINANCE, Figures

#: Steps of a search. Where one takes more, departments are hidden until it takes fewer.
MOST_STEPS = 2_000

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Crossing:
    """Keys of what is hidden: totals of services, cells (label, app), totals of departments."""

    services: pl.DataFrame
    cells: pl.DataFrame
    labels: pl.DataFrame


def shield_crossing(members: pl.DataFrame, hidden: Crossing, k: int, figures: Figures) -> Crossing:
    """`hidden`, extended by cells and totals of departments until totals reveal no group smaller than `k`.

    Cells are added first; totals of departments only if cells do not help. It always ends: with all totals of
    departments hidden there is one row, every column lies within it, and nothing can be derived.
    """
    names = _Names(sorted(members["label"].unique()), sorted(members["app"].unique()))
    users = _Uses.of(members.filter("using"), names)
    # Lookups are of everyone seen, connections of those who use: either may have the empty cells.
    views = [_Uses.of(members, names), users] if figures == "sums" else [users]
    state = _State(
        services=np.isin(names.apps, hidden.services["app"].to_list()),
        cells=names.flags_of_cells(hidden.cells),
        labels=np.isin(names.labels, hidden.labels["label"].to_list()),
    )
    while (found := _given_away(views, state, k, figures)) is not None:
        cells = _cheapest_cells(views[0], state, found, figures)
        label = None if cells else _next_label(views[0], state, found)
        if cells:
            state.cells.flat[cells] = True
        elif label is not None:
            state.labels[label] = True
        else:
            break
    return Crossing(
        hidden.services,
        names.cells(state.cells),
        pl.DataFrame({"label": np.compress(state.labels, names.labels)}, schema={"label": pl.String}),
    )


@dataclass(frozen=True)
class _Names:
    """Departments' labels and services, by number."""

    labels: list[str]
    apps: list[str]

    def flags_of_cells(self, keys: pl.DataFrame) -> Flags:
        flags = np.zeros((len(self.labels), len(self.apps)), np.bool_)
        flags[_number(keys["label"], self.labels), _number(keys["app"], self.apps)] = True
        return flags

    def cells(self, flags: Flags) -> pl.DataFrame:
        label, app = np.nonzero(flags)
        chosen = {"label": [self.labels[n] for n in label], "app": [self.apps[n] for n in app]}
        return pl.DataFrame(chosen, schema={"label": pl.String, "app": pl.String})


@dataclass
class _State:
    """What is hidden so far: services' totals, cells (labels × services), departments' totals."""

    services: Flags
    cells: Flags
    labels: Flags

    @property
    def row_of(self) -> Ints:
        """By label its row: 0 for hidden departments, the others one after another."""
        return np.where(self.labels, 0, np.arange(1, len(self.labels) + 1))

    @property
    def column_of(self) -> Ints:
        """By service its column: 0 for hidden services, the others one after another."""
        return np.where(self.services, 0, np.arange(1, len(self.services) + 1))


@dataclass(frozen=True)
class _Uses:
    """Who used what, by number: a row a label, service and subject; and summed by label and service."""

    label: Ints
    app: Ints
    subject: Ints
    bytes_up: Ints
    shape: tuple[int, int]
    #: by kind of table and department, the cells it had when its subjects were counted, and their numbers
    counted: dict[type, dict[int, tuple[bytes, Counter[int]]]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, members: pl.DataFrame, names: _Names) -> _Uses:
        """Of members: subject, label, app, bytes_up."""
        each = members.group_by("label", "app", "subject").agg(pl.col("bytes_up").sum().cast(pl.Int64))
        return cls(
            label=_number(each["label"], names.labels),
            app=_number(each["app"], names.apps),
            subject=each["subject"].rank("dense").cast(pl.Int64).to_numpy() - 1,
            bytes_up=each["bytes_up"].to_numpy(),
            shape=(len(names.labels), len(names.apps)),
        )

    @cached_property
    def people(self) -> Ints:
        """Subjects in each cell, labels × services."""
        people = np.zeros(self.shape, np.int64)
        np.add.at(people, (self.label, self.app), 1)
        return people

    @cached_property
    def sent(self) -> Ints:
        """Bytes of each cell, labels × services."""
        sent = np.zeros(self.shape, np.int64)
        np.add.at(sent, (self.label, self.app), self.bytes_up)
        return sent

    @cached_property
    def sizes(self) -> Ints:
        """By label, how many subjects it has."""
        label_of = np.full(int(self.subject.max(initial=-1)) + 1, self.shape[0])
        label_of[self.subject] = self.label
        return np.bincount(label_of, minlength=self.shape[0])

    def there(self, figures: Figures) -> Flags:
        """Cells that are not empty; of bytes, those that sent something."""
        return self.sent > 0 if figures == "bytes" else self.people > 0


def _number(names: pl.Series, known: list[str]) -> Ints:
    return names.cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy()


@dataclass(frozen=True)
class _Found:
    """Rows whose sums give a small group away (by label, whether it is in them), and the bytes it lacks to be
    even. No rows where the search was given up."""

    inside: Flags | None
    lacking: float = 0.0


def _given_away(views: list[_Uses], state: _State, k: int, figures: Figures) -> _Found | None:
    for uses in views:
        table = _People(uses, state, k) if figures == "people" else _Sums(uses, state, k, figures)
        if (found := table.search()) is not None:
            return found
    return None


class _Table(ABC):
    """The rows and columns of the hidden cells. Sets of them are integers, a bit a row or column."""

    #: by row, the columns it has hidden cells in
    columns: dict[int, int]
    #: by row, how many subjects could be left, by the columns they are in
    subjects: dict[int, Counter[int]]

    def __init__(self, uses: _Uses, state: _State, k: int) -> None:
        self.uses, self.k = uses, k
        self.row_of, self.column_of = state.row_of, state.column_of
        self.row, self.column = self.row_of[uses.label], self.column_of[uses.app]

    def columns_of(self, cells: Flags) -> dict[int, int]:
        """By row, the columns of these cells (labels × services)."""
        stands = np.zeros((len(self.row_of) + 1, len(self.column_of) + 1), np.bool_)
        label, app = np.nonzero(cells)
        stands[self.row_of[label], self.column_of[app]] = True
        lines = np.packbits(stands, axis=1, bitorder="little")
        return {
            row: int.from_bytes(lines[row].tobytes(), "little")
            for row in np.flatnonzero(lines.any(axis=1)).tolist()
        }

    def columns_of_subjects(self, mine: Flags, cells: Flags) -> dict[int, Counter[int]]:
        """By row, in order, how many subjects are in which columns, of these rows of `uses`.

        `cells` (labels × services) decide which rows these are. A subject is of one department, and only
        those departments are counted again whose cells have changed.
        """
        known = self.uses.counted.setdefault(type(self), {})
        lines = [(label, line.tobytes()) for label, line in enumerate(cells)]
        changed = [known.get(label, (b"",))[0] != line for label, line in lines]
        fresh = self._counted(np.flatnonzero(mine & np.array(changed)[self.uses.label]))
        parts: defaultdict[int, list[Counter[int]]] = defaultdict(list)
        for (label, line), is_new, row in zip(lines, changed, self.row_of.tolist(), strict=True):
            if is_new:
                known[label] = line, fresh[label]
            if known[label][1]:
                parts[row].append(known[label][1])
        return {row: _added(some) for row, some in sorted(parts.items())}

    def _counted(self, some: Ints) -> defaultdict[int, Counter[int]]:
        """By department, how many subjects are in which columns, of `some` rows of `uses`."""
        subject, column = self.uses.subject[some], self.column[some]
        subjects, width = int(subject.max(initial=-1)) + 1, len(self.column_of) // 64 + 1
        label_of, words = np.zeros(subjects, np.int64), np.zeros((subjects, width), "<u8")
        label_of[subject] = self.uses.label[some]
        bits = np.uint64(1) << (column % 64).astype(np.uint64)
        np.bitwise_or.at(words.reshape(-1), subject * width + column // 64, bits)
        there = np.flatnonzero(words.any(axis=1))
        lines = words[there].view(f"V{8 * width}").reshape(-1).tolist()
        counts: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for (label, line), count in Counter(zip(label_of[there].tolist(), lines, strict=True)).items():
            counts[label][int.from_bytes(line, "little")] = count
        return counts

    def search(self) -> _Found | None:
        """Rows that give a small group away, if any do."""
        steps, done, done_columns = 0, 0, 0
        rows = reduce(or_, (1 << row for row in self.columns), 0)
        for root in self.roots():
            waiting = [(1 << root, done, self.columns.get(root, 0), done_columns)]
            done, done_columns = done | 1 << root, done_columns | self.columns.get(root, 0)
            while waiting:
                inside, outside, touched, touched_outside = waiting.pop()
                steps += 1
                if steps > MOST_STEPS:
                    return _Found(None)
                crossing = touched & touched_outside
                if self.is_safe(root, inside, outside, crossing):
                    continue
                row = self._tied(rows & ~(inside | outside), touched)
                if row is not None:
                    bit, columns = 1 << row, self.columns[row]
                    waiting.append((inside | bit, outside, touched | columns, touched_outside))
                    waiting.append((inside, outside | bit, touched, touched_outside | columns))
                elif (lacking := self.lacking(inside, touched, crossing)) is not None:
                    return _Found(np.isin(self.row_of, list(_numbers(inside))), lacking)
        return None

    def roots(self) -> Iterable[int]:
        """Rows one of which is in every set that is not safe; later ones are tried without those before."""
        return self.subjects

    def _tied(self, rows: int, columns: int) -> int | None:
        """The first of `rows` that has cells in these columns."""
        return next((row for row in _numbers(rows) if self.columns[row] & columns), None)

    @abstractmethod
    def is_safe(self, root: int, inside: int, outside: int, crossing: int) -> bool:
        """Whether enough of the rows inside is left, wherever those go that are not placed yet."""

    @abstractmethod
    def lacking(self, inside: int, touched: int, crossing: int) -> float | None:
        """Bytes that what is left of the rows inside lacks to be even; None where it is safe, or nothing."""


class _Sums(_Table):
    """Of sums and bytes: what is left of rows are their hidden cells in crossing columns."""

    def __init__(self, uses: _Uses, state: _State, k: int, figures: Figures) -> None:
        super().__init__(uses, state, k)
        self.figures = figures
        cells = uses.there(figures) & state.cells
        self.mine = cells[uses.label, uses.app]
        self.columns = self.columns_of(cells)
        self.subjects = self.columns_of_subjects(self.mine, cells)

    def roots(self) -> Iterable[int]:
        """Those of the greatest senders first: no row in a set has a greater one than its root."""
        return sorted(self.subjects, key=lambda row: -self._greatest[row])

    def is_safe(self, root: int, inside: int, outside: int, crossing: int) -> bool:
        if not crossing or self._people(inside, crossing) < self.k:
            return False
        return self.figures != "bytes" or self._is_even(root, inside, crossing)

    def lacking(self, inside: int, touched: int, crossing: int) -> float | None:
        if not crossing:
            return None
        row, column, subject, bytes_up = self._hidden
        left = np.flatnonzero(
            _flags(inside, len(self.row_of))[row] & _flags(crossing, len(self.column_of))[column]
        )
        _, number = np.unique(subject[left], return_inverse=True)
        sent = np.bincount(number, bytes_up[left])
        short = max(float(sent.max()) / DOMINANCE - float(sent.sum()), 0.0)
        bad = len(sent) < self.k or (self.figures == "bytes" and sent.max() > DOMINANCE * sent.sum())
        return short if bad else None

    def _people(self, inside: int, crossing: int) -> int:
        """Subjects in these cells; of more than k, k or more."""
        people = 0
        for row in _numbers(inside):
            if self.columns[row] & crossing:
                for columns, count in self.subjects[row].items():
                    if columns & crossing:
                        people += count
                        if people >= self.k:
                            return people
        return people

    def _is_even(self, root: int, inside: int, crossing: int) -> bool:
        """Whether nobody in any set of this root sent more than the share of a shown sum of these cells."""
        sent = 0
        for row in _numbers(inside):
            if self.columns[row] & crossing:
                for column, size in self._sent[row]:
                    if column & crossing:
                        sent += size
                        if self._greatest[root] <= DOMINANCE * sent:
                            return True
        return False

    @cached_property
    def _hidden(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Row, column, subject and bytes of what is in hidden cells: usually little of all."""
        uses, mine = self.uses, self.mine
        return self.row[mine], self.column[mine], uses.subject[mine], uses.bytes_up[mine]

    @cached_property
    def _sent(self) -> dict[int, list[tuple[int, int]]]:
        """By row, its columns and the bytes of their hidden cells, the largest first."""
        sent = np.zeros((len(self.row_of) + 1, len(self.column_of) + 1), np.int64)
        np.add.at(sent, (self.row[self.mine], self.column[self.mine]), self.uses.bytes_up[self.mine])
        order = np.argsort(-sent, axis=1, kind="stable")
        largest = np.take_along_axis(sent, order, axis=1)
        return {
            row: [
                (1 << n, size)
                for n, size in zip(order[row].tolist(), largest[row].tolist(), strict=True)
                if size
            ]
            for row in self.columns
        }

    @cached_property
    def _greatest(self) -> list[int]:
        """By row, what its greatest sender sent in all hidden cells."""
        greatest = np.zeros(len(self.row_of) + 1, np.int64)
        if self.mine.any():
            subject = self.uses.subject[self.mine]
            sent = np.bincount(subject, self.uses.bytes_up[self.mine]).astype(np.int64)
            np.maximum.at(greatest, self.row[self.mine], sent[subject])
        return greatest.tolist()


class _People(_Table):
    """Of people: left are those of the rows who are in no shown cell and in no column within the rows.

    They do not add up over services (one person uses several). Only that somebody is left can be proved,
    where the rows have more people than all these cells and columns together: more are left than are counted
    once more in these. Of hidden services no count is known.
    """

    def __init__(self, uses: _Uses, state: _State, k: int) -> None:
        super().__init__(uses, state, k)
        shown = (uses.people > 0) & ~state.cells
        pooled = state.cells & ~state.services
        self.columns = self.columns_of((uses.people > 0) & pooled)
        times = np.bincount(uses.subject[shown[uses.label, uses.app]], minlength=len(uses.subject))
        self.subjects = self.columns_of_subjects(times[uses.subject] == 0, shown)
        subject, first = np.unique(uses.subject, return_index=True)
        self._repeated = np.bincount(self.row[first], np.maximum(times[subject] - 1, 0), len(self.row_of) + 1)
        self._surplus = (
            np.bincount(self.row_of, uses.sizes - (uses.people * shown).sum(axis=1)).astype(int).tolist()
        )
        self._pooled = np.bincount(self.column_of, (uses.people * pooled).sum(axis=0)).astype(int).tolist()

    def is_safe(self, root: int, inside: int, outside: int, crossing: int) -> bool:
        repeated = sum(self._repeated[row] for row in _numbers(inside))
        return repeated >= self.k - 1 or self._left(inside, crossing) >= self.k

    def lacking(self, inside: int, touched: int, crossing: int) -> float | None:
        published = sum(self._pooled[column] for column in _numbers(touched & ~crossing))
        rest = sum(self._surplus[row] for row in _numbers(inside)) - published
        return 0.0 if rest > 0 and self._left(inside, crossing) < self.k else None

    def _left(self, inside: int, crossing: int) -> int:
        """Subjects inside of which all pooled cells are in crossing columns; of more than k, k or more."""
        left = 0
        for row in _numbers(inside):
            for columns, count in self.subjects.get(row, Counter()).items():
                if not columns & ~(crossing | 1):
                    left += count
            if left >= self.k:
                break
        return left


def _added(counts: list[Counter[int]]) -> Counter[int]:
    """The sum; of one, that one."""
    if len(counts) == 1:
        return counts[0]
    whole: Counter[int] = Counter()
    for count in counts:
        whole.update(count)
    return whole


def _flags(bits: int, count: int) -> Flags:
    """Which of the bits 0 to `count` are set."""
    return np.unpackbits(
        np.frombuffer(bits.to_bytes(count // 8 + 1, "little"), np.uint8), bitorder="little"
    ).astype(np.bool_)


def _numbers(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _cheapest_cells(uses: _Uses, state: _State, found: _Found, figures: Figures) -> list[int]:
    """The cell given up first (`cheapest`) of those shown in the rows found; none where that cannot help.

    It is unknown only if something else of its service is hidden outside the rows: where nothing is, the
    smallest cell there goes with it.
    """
    if found.inside is None:
        return []
    there, inside = uses.there(figures), found.inside[:, np.newaxis]
    candidates: Flags = there & ~state.cells & inside
    beside: Flags = there & ~inside
    crosses: Flags = np.asarray((beside & state.cells).any(axis=0))
    smallest = np.where(beside, uses.people, np.iinfo(np.int64).max).argmin(axis=0)
    best: tuple[tuple[bool, int, int, int], list[int]] | None = None
    for label, app in np.argwhere(candidates & beside.any(axis=0)).tolist():
        pair = [(label, app)] if crosses[app] else [(label, app), (int(smallest[app]), app)]
        people = sum(int(uses.people[cell]) for cell in pair)
        sent = int(uses.sent[label, app])
        enough = sent >= found.lacking
        first = (not enough, sent if enough else -sent) if figures == "bytes" else (False, 0)
        order = (*first, people, label * len(state.services) + app)
        if best is None or order < best[0]:
            best = order, [one * len(state.services) + other for one, other in pair]
    return best[1] if best else []


def _next_label(uses: _Uses, state: _State, found: _Found) -> int | None:
    """The smallest department still shown, of the rows found if there is one."""
    shown = np.flatnonzero(~state.labels & (uses.sizes > 0)).tolist()
    inside = np.ones(len(state.labels), np.bool_) if found.inside is None else found.inside
    return min(shown, key=lambda label: (not inside[label], uses.sizes[label], label), default=None)
