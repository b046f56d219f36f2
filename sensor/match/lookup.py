"""One name after the other: the walk over its tails that answers in a microsecond. Pure.

    lookup = Lookup(index.names)
    lookup.find("API.OpenAI.com.")          # row of the most specific indicator, None if none fits

A name is looked up as a whole, then tail by tail in dictionaries. It gives the same answers as
`fitting_names`, which finds every indicator that fits (a test compares the two on any names).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

import polars as pl

from sensor.match.hostname import normal

#: An answer for a host that indicators know only together with a path.
PATH_ONLY = -1
#: Names whose answers are kept; about 200 bytes each.
MAX_KEPT = 1 << 18

#: What `normal` does more with than lower its letters: ports, brackets, spaces, other scripts.
_ODD = re.compile(r"[^!-9;-Z\\^-~]")

#: The end of a name by its number of labels.
_ENDS = {1: r"([^.]*)$", 2: r"([^.]*\.[^.]*)$"}

#: The patterns on a tail: labels of a host that fits, expression, specificity, row.
_Patterns: TypeAlias = list[tuple[int, re.Pattern[str], int, int]]


#: What `Lookup` takes of `Index.names`.
_ADDED = ("row", "tail", "prefix", "depth", "verify", "labels", "specificity")


class Lookup:
    """The name indicators of an index (`Index.names`), in dictionaries."""

    def __init__(self, names: pl.DataFrame) -> None:
        self._whole: dict[str, int] = {}
        #: tail to specificity and row of its suffix (-2, PATH_ONLY: none), and its patterns
        self._tails: dict[str, tuple[int, int, _Patterns]] = {}
        # The best one comes last and stays.
        ordered = names.sort(["specificity", "row"], descending=[False, True])
        for row in ordered.select(_ADDED).iter_rows():
            self._add(*row)
        #: the last two labels of all of them, or the only one
        self._ends = pl.Series(sorted({_end(name) for name in (*self._whole, *self._tails)}), dtype=pl.String)
        self.find = lru_cache(MAX_KEPT)(self._find)

    def _add(
        self, row: int, tail: str, prefix: str | None, depth: int, verify: str | None, labels: int | None,
        specificity: int,
    ) -> None:  # fmt: skip
        answer, weight = (row, specificity) if prefix is None else (PATH_ONLY, -1)
        if depth == 0:
            if prefix is None or tail not in self._whole:
                self._whole[tail] = answer
            return
        known = self._tails.get(tail, (-2, PATH_ONLY, []))
        if verify is None:
            self._tails[tail] = (weight, answer, known[2])
        elif labels is not None:
            known[2].append((labels, re.compile(verify), weight, answer))
            self._tails[tail] = known

    def _find(self, host: str) -> int | None:
        """Row of the most specific indicator that asks for no path; None where none fits."""
        odd = _ODD.search(host) is not None
        name = normal(pl.Series([host])).item() if odd else host.lower().removesuffix(".")
        answer = self.place(name)
        return None if answer == PATH_ONLY else answer

    def rows(self, names: pl.Series) -> pl.Series:
        """The answer of `place` for each of the normalised `names`.

        Nearly all names of a network end like no indicator: they are told apart a column at a time.
        """
        ends = pl.col("name").str.extract(_ENDS[2]), pl.col("name").str.extract(_ENDS[1])
        may_fit = pl.any_horizontal(end.is_in(self._ends.implode()) for end in ends).fill_null(False)
        places = names.rename("name").to_frame().select(may_fit.arg_true()).to_series()
        found = [self.place(name) for name in names.gather(places)]
        rows = pl.repeat(None, names.len(), dtype=pl.Int64, eager=True).alias("host_row")
        return rows.scatter(places, pl.Series(found, dtype=pl.Int64))

    def place(self, name: str) -> int | None:
        """The row for a normalised `name`, `PATH_ONLY`, or None."""
        answer = self._whole.get(name)
        if answer is not None and answer != PATH_ONLY:
            return answer
        weight = -2 if answer is None else -1
        tails, at = self._tails, -1
        while True:
            found = tails.get(name[at + 1 :])
            if found is not None:
                weight, answer = _best(name, found, weight, answer)
            at = name.find(".", at + 1)
            if at < 0:
                return answer


def _end(name: str) -> str:
    return ".".join(name.rsplit(".", 2)[-2:])


def _best(
    name: str, found: tuple[int, int, _Patterns], weight: int, answer: int | None
) -> tuple[int, int | None]:
    """The better of what is known so far and what a tail of `name` has; of equals the earlier row."""
    if found[0] > weight:
        weight, answer = found[0], found[1]
    labels = name.count(".") + 1 if found[2] else 0
    for count, expression, of_pattern, row in found[2]:
        is_better = of_pattern > weight or (of_pattern == weight and answer is not None and row < answer)
        if count == labels and is_better and expression.match(name):
            weight, answer = of_pattern, row
    return weight, answer
