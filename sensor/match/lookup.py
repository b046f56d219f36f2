"""Looks up single names in about a microsecond, by a walk over their tails.

    lookup = Lookup(index.names.table)
    lookup.find("API.OpenAI.com.")          # row of the most specific indicator, None if none fits

A name is first looked up as a whole, then label by label from its end, for as long as an indicator has that
ending. The answers are those of `Names.fitting`, which finds all indicators that fit; a property test
compares the two. Nearly all names end like no indicator and share their endings, so these are remembered.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import TypeAlias

import polars as pl

from sensor.match.hostname import normal

#: An answer for a host that indicators know only together with a path.
PATH_ONLY = -1
#: Endings that lead nowhere and names whose answers are kept, of each; about 200 bytes each.
MAX_KEPT = 1 << 18

#: The end of a name by its number of labels.
_ENDS = {1: r"([^.]*)$", 2: r"([^.]*\.[^.]*)$"}

#: The patterns on a tail: labels of a host that fits, expression, specificity, row.
_Patterns: TypeAlias = list[tuple[int, str, int, int]]

#: Compiled when first needed: two hundred of them would slow down every start.
_compiled = cache(re.compile)


#: What `Lookup` takes of `Names.table`.
_ADDED = ("row", "tail", "prefix", "depth", "verify", "labels", "specificity")


class Lookup:
    """The name indicators of an index, as dictionaries; `names` is `Names.table`."""

    def __init__(self, names: pl.DataFrame) -> None:
        self._whole: dict[str, int] = {}
        #: every ending of a name, to the specificity and row of its suffix (-2, PATH_ONLY: none) and its
        #: patterns; None where no suffix or pattern is right there
        self._tails: dict[str, tuple[int, int, _Patterns] | None] = {}
        # The best one comes last and stays.
        ordered = names.sort(["specificity", "row"], descending=[False, True])
        for row in ordered.select(_ADDED).iter_rows():
            self._add(*row)
        #: the last two labels of all of them, or the only one
        self._ends = frozenset(_end(name) for name in (*self._whole, *self._tails))
        for name in (*self._whole, *self._tails):
            while name:
                self._tails.setdefault(name, None)
                name = name.partition(".")[2]
        #: endings as written of which no indicator is below or above
        self._harmless: set[str] = set()
        #: names as written that say something, or are not in plain letters
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
        """Row of the most specific indicator that fits `host` and needs no path; None if none does."""
        rooted = host.removesuffix(".")
        end = _end(rooted)
        if end in self._harmless:
            return None
        if host in self._answers:
            return self._answers[host]
        is_plain = _is_plain(host)
        name = rooted.lower() if is_plain else normal(pl.Series([host])).item()
        answer = self.place(name)
        if is_plain and answer is None:
            if self._is_harmless(end.lower()):
                _keep(self._harmless)
                self._harmless.add(end)
            return None
        _keep(self._answers)
        self._answers[host] = None if answer == PATH_ONLY else answer
        return self._answers[host]

    def rows(self, names: pl.Series) -> pl.Series:
        """`place` of each of the normalised `names`.

        Names that end like no indicator, which nearly all do, are sorted out for the whole column at once.
        """
        ends = pl.col("name").str.extract(_ENDS[2]), pl.col("name").str.extract(_ENDS[1])
        may_fit = pl.any_horizontal(end.is_in(self._known_ends) for end in ends).fill_null(False)
        places = names.rename("name").to_frame().select(may_fit.arg_true()).to_series()
        found = [self.place(name) for name in names.gather(places)]
        rows = pl.repeat(None, names.len(), dtype=pl.Int64, eager=True).alias("host_row")
        return rows.scatter(places, pl.Series(found, dtype=pl.Int64))

    @cached_property
    def _known_ends(self) -> pl.Series:
        return pl.Series(sorted(self._ends), dtype=pl.String).implode()

    def place(self, name: str) -> int | None:
        """The row for a normalised `name`; PATH_ONLY if all that fit need a path; None if none fits."""
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

    def _is_harmless(self, end: str) -> bool:
        """Whether no indicator ends like `end`, two normalised labels, or is its last label."""
        return end not in self._tails and self._tails.get(end.rpartition(".")[2]) is None


def _keep(memory: set[str] | dict[str, int | None]) -> None:
    """Remember one more; if full, forget all others first."""
    if len(memory) >= MAX_KEPT:
        memory.clear()


def _is_plain(host: str) -> bool:
    """Whether `normal` does no more with `host` than lower its letters: no port, brackets, other script."""
    odd = ":" in host or " " in host or "[" in host or "]" in host
    return not odd and host.isascii() and host.isprintable()


def _end(name: str) -> str:
    """The last two labels of `name`, or the only one."""
    return name[name.rfind(".", 0, name.rfind(".")) + 1 :] if "." in name else name


def _best(
    name: str, found: tuple[int, int, _Patterns], weight: int, answer: int | None
) -> tuple[int, int | None]:
    """The better of what is known so far and what a tail of `name` has; of equals the earlier row."""
    if found[0] > weight:
        weight, answer = found[0], found[1]
    labels = name.count(".") + 1 if found[2] else 0
    for count, expression, of_pattern, row in found[2]:
        is_better = of_pattern > weight or (of_pattern == weight and answer is not None and row < answer)
        if count == labels and is_better and _compiled(expression).match(name):
            weight, answer = of_pattern, row
    return weight, answer
