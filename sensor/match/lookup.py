"""Looks up single names in about a microsecond by walking up their tails.

    lookup = Lookup(index.names.table)
    lookup.find("API.OpenAI.com.")          # row of the most specific indicator, None if none matches

A name is looked up as a whole first, then label by label from its end while an indicator has that ending. The
results equal those of `Names.fitting`, which finds all matching indicators (a property test compares the
two). Nearly all names end in one of a few endings without indicators, so these are cached.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import TypeAlias

import polars as pl

from sensor.match.hostname import normal

#: Result for a host whose indicators all require a path.
PATH_ONLY = -1
#: Maximum size of each cache, about 200 bytes per entry.
MAX_KEPT = 1 << 18

#: Regular expression for the last n labels of a name.
_ENDS = {1: r"([^.]*)$", 2: r"([^.]*\.[^.]*)$"}

#: The patterns of a tail: number of labels, expression, specificity, row.
_Patterns: TypeAlias = list[tuple[int, str, int, int]]

#: Compiled on first use, because two hundred of them would slow down every start.
_compiled = cache(re.compile)


#: Columns of `Names.table` that `Lookup` uses.
_COLUMNS = ("row", "tail", "prefix", "depth", "verify", "labels", "specificity")


class Lookup:
    """The name indicators of an index, as dictionaries; `names` is `Names.table`."""

    def __init__(self, names: pl.DataFrame) -> None:
        self._whole: dict[str, int] = {}
        #: every ending of an indicator → specificity and row of its suffix (-2, PATH_ONLY: none), and its
        #: patterns; None if neither a suffix nor a pattern has exactly this tail
        self._tails: dict[str, tuple[int, int, _Patterns] | None] = {}
        # The best one comes last and overwrites the others.
        ordered = names.sort(["specificity", "row"], descending=[False, True])
        for row in ordered.select(_COLUMNS).iter_rows():
            self._add(*row)
        #: the last two labels (or the only one) of all indicators
        self._ends = frozenset(_end(name) for name in (*self._whole, *self._tails))
        for name in (*self._whole, *self._tails):
            while name:
                self._tails.setdefault(name, None)
                name = name.partition(".")[2]
        #: cached endings, as written, that no indicator has
        self._unlisted_ends: set[str] = set()
        #: cached results of names, as written, that match or are not plain
        self._answers: dict[str, int | None] = {}

    def _add(
        self, row: int, tail: str, prefix: str | None, depth: int, verify: str | None, labels: int | None,
        specificity: int,
    ) -> None:  # fmt: skip
        answer, weight = (row, specificity) if prefix is None else (PATH_ONLY, -1)
        if depth == 0:
            if prefix is None or tail not in self._whole:
                self._whole[tail] = answer
            return
        known = self._tails.get(tail) or (-2, PATH_ONLY, [])
        if verify is None:
            self._tails[tail] = (weight, answer, known[2])
        elif labels is not None:
            known[2].append((labels, verify, weight, answer))
            self._tails[tail] = known

    def find(self, host: str) -> int | None:
        """Row of the most specific indicator that matches `host` without a path; None if none does."""
        rooted = host.removesuffix(".")
        end = _end(rooted)
        if end in self._unlisted_ends:
            return None
        if host in self._answers:
            return self._answers[host]
        is_plain = _is_plain(host)
        name = rooted.lower() if is_plain else normal(pl.Series([host])).item()
        answer = self.row_of(name)
        if is_plain and answer is None:
            if self._is_unlisted(end.lower()):
                _make_room(self._unlisted_ends)
                self._unlisted_ends.add(end)
            return None
        _make_room(self._answers)
        self._answers[host] = None if answer == PATH_ONLY else answer
        return self._answers[host]

    def rows(self, names: pl.Series) -> pl.Series:
        """`row_of` each of the normalised `names`.

        Names that share no ending with an indicator, which are nearly all, are filtered out column-wise
        first.
        """
        ends = pl.col("name").str.extract(_ENDS[2]), pl.col("name").str.extract(_ENDS[1])
        may_fit = pl.any_horizontal(end.is_in(self._known_ends) for end in ends).fill_null(False)
        candidates = names.rename("name").to_frame().select(may_fit.arg_true()).to_series()
        found = [self.row_of(name) for name in names.gather(candidates)]
        rows = pl.repeat(None, names.len(), dtype=pl.Int64, eager=True).alias("host_row")
        return rows.scatter(candidates, pl.Series(found, dtype=pl.Int64))

    @cached_property
    def _known_ends(self) -> pl.Series:
        return pl.Series(sorted(self._ends), dtype=pl.String).implode()

    def row_of(self, name: str) -> int | None:
        """Row of the best indicator for a normalised `name`; PATH_ONLY if all require a path; None if none
        matches."""
        answer = self._whole.get(name)
        if answer is not None and answer != PATH_ONLY:
            return answer
        weight = -2 if answer is None else -1
        tails, at = self._tails, len(name)
        while at >= 0:
            at = name.rfind(".", 0, at)
            tail = name[at + 1 :]
            if tail not in tails:
                break
            found = tails[tail]
            if found is not None:
                weight, answer = _best(name, found, weight, answer)
        return answer

    def _is_unlisted(self, end: str) -> bool:
        """True if no indicator ends in `end` (two normalised labels), and none is on its last label alone."""
        return end not in self._tails and self._tails.get(end.rpartition(".")[2]) is None


def _make_room(memory: set[str] | dict[str, int | None]) -> None:
    """Clears a full cache before one more entry is added."""
    if len(memory) >= MAX_KEPT:
        memory.clear()


def _is_plain(host: str) -> bool:
    """True if `normal` only lower-cases `host`: no port, brackets or non-ASCII letters."""
    odd = ":" in host or " " in host or "[" in host or "]" in host
    return not odd and host.isascii() and host.isprintable()


def _end(name: str) -> str:
    """The last two labels of `name`, or the only one."""
    return name[name.rfind(".", 0, name.rfind(".")) + 1 :] if "." in name else name


def _best(
    name: str, found: tuple[int, int, _Patterns], weight: int, answer: int | None
) -> tuple[int, int | None]:
    """The better of the result so far and the indicators on one tail of `name`; ties go to the lower row."""
    if found[0] > weight:
        weight, answer = found[0], found[1]
    labels = name.count(".") + 1 if found[2] else 0
    for count, expression, of_pattern, row in found[2]:
        is_better = of_pattern > weight or (of_pattern == weight and answer is not None and row < answer)
        if count == labels and is_better and _compiled(expression).match(name):
            weight, answer = of_pattern, row
    return weight, answer
