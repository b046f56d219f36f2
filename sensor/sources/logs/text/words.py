"""Gives each row one of a few texts by conditions: its kind, action, phase or reason."""

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
