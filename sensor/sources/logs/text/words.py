"""What a column says, and one of a few texts by conditions: a row's kind, action, phase or reason."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def one_of(words: Mapping[str, pl.Expr | pl.Series], otherwise: str | pl.Expr | None = None) -> pl.Expr:
    """The first of the texts in `words` whose condition is true; NULL counts as false.

    Where none holds, `otherwise`: a word, or what an expression says; NULL without one.
    """
    chosen = pl.lit(otherwise) if otherwise is None or isinstance(otherwise, str) else otherwise
    for word, condition in reversed([*words.items()]):
        chosen = pl.when(condition).then(pl.lit(word)).otherwise(chosen)
    return chosen


def said(name: str, *nothing: str) -> pl.Expr:
    """The text of column `name`; NULL where it says nothing: where it is empty, or one of `nothing`."""
    return pl.when(~pl.col(name).is_in(["", *nothing])).then(pl.col(name))
