"""Which word of a few a row is given: a kind, an action, a phase, a reason."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def one_of(words: Mapping[str, pl.Expr | pl.Series], otherwise: str | pl.Expr | None = None) -> pl.Expr:
    """Text: the first of `words` whose condition holds; where none does, `otherwise`, a word or what a column says.

    A condition that is NULL does not hold.
    """
    first, *others = words.items()
    chosen = pl.when(first[1]).then(pl.lit(first[0]))
    for word, condition in others:
        chosen = chosen.when(condition).then(pl.lit(word))
    return chosen.otherwise(pl.lit(otherwise) if isinstance(otherwise, str) else otherwise)
