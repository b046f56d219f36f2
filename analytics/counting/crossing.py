"""Hides what totals of departments and services together would reveal about the cells where they cross.

In: members (groups.py), and the totals and cells that are hidden so far. Out: what must be hidden as well.
Pure.

Take the hidden cells of the table departments × services. Anyone can compute their row sums (department total
minus its shown cells) and their column sums (service total minus its shown cells: the pool of the service).
Hidden departments form one row and hidden services one column, because only their sum is known. An attacker
is assumed to know which cells are empty: if all people and connections of a service are in one department,
the service has none in the others.

Which sums of cells can be derived from these? Those with weights a(row) - b(column) that are 0 or 1 on every
cell that is not empty. Cut at every integer, such a sum splits into whole columns, which were checked before,
and into sums of the form

    the rows R, minus all columns that lie within R

So the search looks for a set of rows R that leaves too few people. Rows without a common column are
independent, and need not be combined. Rows are placed inside or outside of R one after another. A column with
cells on both sides cannot lie within R, wherever the other rows go, so the people in its inner cells remain.
Once they are enough, every extension of R is safe, and the search backtracks. It visits few of the 2^rows
sets.

A subject belongs to one department, so subjects of rows add up.
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

from analytics.counting.groups import DOMINANCE, Figures

#: Limit on the steps of a search. If it is reached, departments are hidden until a search takes fewer.
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

    Hides cells first, and totals of departments only if cells do not help. Always terminates: with all totals
    of departments hidden there is one row, every column lies within it, and nothing can be derived.
    """
    names = _Names(sorted(members["label"].unique()), sorted(members["app"].unique()))
    users = _Uses.of(members.filter("using"), names)
    # Lookups come from everyone seen, connections only from those who use: each has its own empty cells.
    views = [_Uses.of(members, names), users] if figures == "sums" else [users]
    state = _State(
        services=np.isin(names.apps, hidden.services["app"].to_list()),
        cells=names.flags_of_cells(hidden.cells),
        labels=np.isin(names.labels, hidden.labels["label"].to_list()),
    )
    while (found := _find_unsafe(views, state, k, figures)) is not None:
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
    """Labels of departments, and services, by index."""

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
    """What is hidden so far: totals of services, cells (labels × services), totals of departments."""

    services: Flags
    cells: Flags
    labels: Flags

    @property
    def row_of(self) -> Ints:
        """The row of each label: 0 for hidden departments, then one each."""
        return np.where(self.labels, 0, np.arange(1, len(self.labels) + 1))

    @property
    def column_of(self) -> Ints:
        """The column of each service: 0 for hidden services, then one each."""
        return np.where(self.services, 0, np.arange(1, len(self.services) + 1))


@dataclass(frozen=True)
class _Uses:
    """Uses by index: a row per label, service and subject; and their sums by label and service."""

    label: Ints
    app: Ints
    subject: Ints
    bytes_up: Ints
    shape: tuple[int, int]
    #: cache: table class → label → (its cells when its subjects were counted, the counts)
    counted: dict[type, dict[int, tuple[bytes, Counter[int]]]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, members: pl.DataFrame, names: _Names) -> _Uses:
        """From `members`: subject, label, app, bytes_up."""
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
        """Subjects per cell, labels × services."""
        people = np.zeros(self.shape, np.int64)
        np.add.at(people, (self.label, self.app), 1)
        return people

    @cached_property
    def sent(self) -> Ints:
        """Bytes per cell, labels × services."""
        sent = np.zeros(self.shape, np.int64)
        np.add.at(sent, (self.label, self.app), self.bytes_up)
        return sent

    @cached_property
    def sizes(self) -> Ints:
        """Subjects per label."""
        label_of = np.full(int(self.subject.max(initial=-1)) + 1, self.shape[0])
        label_of[self.subject] = self.label
        return np.bincount(label_of, minlength=self.shape[0])

    def there(self, figures: Figures) -> Flags:
        """Cells that are not empty; for bytes, cells that sent something."""
        return self.sent > 0 if figures == "bytes" else self.people > 0


def _number(names: pl.Series, known: list[str]) -> Ints:
    return names.cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy()


@dataclass(frozen=True)
class _Found:
    """A set of rows that reveals a small group, as flags by label, and the bytes it lacks to be even.

    `inside` is None if the search reached its limit.
    """

    inside: Flags | None
    lacking: float = 0.0


def _find_unsafe(views: list[_Uses], state: _State, k: int, figures: Figures) -> _Found | None:
    for uses in views:
        table = _People(uses, state, k) if figures == "people" else _Sums(uses, state, k, figures)
        if (found := table.search()) is not None:
            return found
    return None


class _Table(ABC):
    """The rows and columns of the hidden cells. A set of rows or columns is an integer with a bit for
    each."""

    #: row → set of columns with hidden cells
    columns: dict[int, int]
    #: row → set of columns → number of subjects in exactly these, who could remain
    subjects: dict[int, Counter[int]]

    def __init__(self, uses: _Uses, state: _State, k: int) -> None:
        self.uses, self.k = uses, k
        self.row_of, self.column_of = state.row_of, state.column_of
        self.row, self.column = self.row_of[uses.label], self.column_of[uses.app]

    def columns_of(self, cells: Flags) -> dict[int, int]:
        """Row → set of columns of `cells` (labels × services)."""
        stands = np.zeros((len(self.row_of) + 1, len(self.column_of) + 1), np.bool_)
        label, app = np.nonzero(cells)
        stands[self.row_of[label], self.column_of[app]] = True
        lines = np.packbits(stands, axis=1, bitorder="little")
        return {
            row: int.from_bytes(lines[row].tobytes(), "little")
            for row in np.flatnonzero(lines.any(axis=1)).tolist()
        }

    def columns_of_subjects(self, mine: Flags, cells: Flags) -> dict[int, Counter[int]]:
        """Row → set of columns → number of subjects, over the rows `mine` of `uses`, in order of rows.

        `cells` (labels × services) determine `mine`. Counts are cached by department, and recounted where its
        cells changed.
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
        """Label → set of columns → number of subjects, over the rows `some` of `uses`."""
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
        """A set of rows that reveals a small group, if there is one."""
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
                if self.is_safe(root, inside, crossing):
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
        """Rows to begin sets with: every unsafe set contains one. Later roots are tried without the
        earlier."""
        return self.subjects

    def _tied(self, rows: int, columns: int) -> int | None:
        """The first of `rows` that has cells in `columns`."""
        return next((row for row in _numbers(rows) if self.columns[row] & columns), None)

    @abstractmethod
    def is_safe(self, root: int, inside: int, crossing: int) -> bool:
        """True if enough people remain in the rows inside, wherever the rows not placed yet go."""

    @abstractmethod
    def lacking(self, inside: int, touched: int, crossing: int) -> float | None:
        """Bytes that the remainder of the rows inside lacks to be even; None if it is safe or empty."""


class _Sums(_Table):
    """For sums and bytes: what remains of rows is their hidden cells in crossing columns."""

    def __init__(self, uses: _Uses, state: _State, k: int, figures: Figures) -> None:
        super().__init__(uses, state, k)
        self.figures = figures
        cells = uses.there(figures) & state.cells
        self.mine = cells[uses.label, uses.app]
        self.columns = self.columns_of(cells)
        self.subjects = self.columns_of_subjects(self.mine, cells)

    def roots(self) -> Iterable[int]:
        """Rows by greatest sender, descending, so that no row of a set has a greater sender than its root."""
        return sorted(self.subjects, key=lambda row: -self._greatest[row])

    def is_safe(self, root: int, inside: int, crossing: int) -> bool:
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
        """Number of subjects in the cells inside × crossing; counting stops at k or more."""
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
        """True if no sender in any set of this root has more than DOMINANCE of the bytes of these cells."""
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
        """Row, column, subject and bytes of the uses in hidden cells, usually a small part."""
        uses, mine = self.uses, self.mine
        return self.row[mine], self.column[mine], uses.subject[mine], uses.bytes_up[mine]

    @cached_property
    def _sent(self) -> dict[int, list[tuple[int, int]]]:
        """Row → (column, bytes of its hidden cells), the largest first."""
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
        """Per row, the bytes that its greatest sender sent in all hidden cells."""
        greatest = np.zeros(len(self.row_of) + 1, np.int64)
        if self.mine.any():
            subject = self.uses.subject[self.mine]
            sent = np.bincount(subject, self.uses.bytes_up[self.mine]).astype(np.int64)
            np.maximum.at(greatest, self.row[self.mine], sent[subject])
        return greatest.tolist()


class _People(_Table):
    """For people: those of the rows remain who are in no shown cell and in no column within the rows.

    People do not add up over services, because one person uses several. An attacker can only prove that
    somebody remains: if the rows have more people than all these cells and columns together. The count of a
    hidden service is not known.
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

    def is_safe(self, root: int, inside: int, crossing: int) -> bool:
        repeated = sum(self._repeated[row] for row in _numbers(inside))
        return repeated >= self.k - 1 or self._left(inside, crossing) >= self.k

    def lacking(self, inside: int, touched: int, crossing: int) -> float | None:
        published = sum(self._pooled[column] for column in _numbers(touched & ~crossing))
        rest = sum(self._surplus[row] for row in _numbers(inside)) - published
        return 0.0 if rest > 0 and self._left(inside, crossing) < self.k else None

    def _left(self, inside: int, crossing: int) -> int:
        """Number of subjects inside whose pooled cells are all in crossing columns; stops at k or more."""
        left = 0
        for row in _numbers(inside):
            for columns, count in self.subjects.get(row, Counter()).items():
                if not columns & ~(crossing | 1):
                    left += count
            if left >= self.k:
                break
        return left


def _added(counts: list[Counter[int]]) -> Counter[int]:
    """The sum of the counters; of a single one, that object itself."""
    if len(counts) == 1:
        return counts[0]
    whole: Counter[int] = Counter()
    for count in counts:
        whole.update(count)
    return whole


def _flags(bits: int, count: int) -> Flags:
    """Bits 0 to `count` as flags."""
    return np.unpackbits(
        np.frombuffer(bits.to_bytes(count // 8 + 1, "little"), np.uint8), bitorder="little"
    ).astype(np.bool_)


def _numbers(bits: int) -> Iterator[int]:
    """Indices of the set bits."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _cheapest_cells(uses: _Uses, state: _State, found: _Found, figures: Figures) -> list[int]:
    """The cell to hide next, out of those shown in the rows found (see `groups.cheapest`); empty if none
    helps.

    Hiding a cell helps only if another cell of its service is hidden outside of the rows. If none is, the
    smallest one there is hidden as well.
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
    """The smallest department whose total is still shown, preferably one of the rows found."""
    shown = np.flatnonzero(~state.labels & (uses.sizes > 0)).tolist()
    inside = np.ones(len(state.labels), np.bool_) if found.inside is None else found.inside
    return min(shown, key=lambda label: (not inside[label], uses.sizes[label], label), default=None)
