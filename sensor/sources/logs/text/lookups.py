"""DNS lookups as resolvers log them: what an answer's code means, and answers given to their questions."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sensor.sources.logs.text.reasons import ANSWERED, REVERSE
from sensor.sources.logs.text.words import one_of

_POINTER = ("PTR", "12", "TYPE12")
_ALLOWED = ("NOERROR", "0")
_REFUSED = ("REFUSED", "5")


def verdict(rcode: pl.Expr) -> pl.Expr:
    """allowed, blocked (refused) or unknown of a response code's name or number; NULL for none.

    That a name does not exist may be a resolver's lie or the truth: unknown.
    """
    code = rcode.str.to_uppercase()
    return one_of(
        {"blocked": code.is_in(_REFUSED), "allowed": code.is_in(_ALLOWED), "unknown": code.is_not_null()}
    )


def reverse(qtype: pl.Expr) -> pl.Expr:
    """The reason of questions for a pointer record; NULL for others."""
    return one_of({REVERSE: qtype.str.to_uppercase().is_in(_POINTER)})


def paired(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """`rows` (with `answer`, `action`, `reason`) with each question's action taken from its answer.

    The nth answer of a `key` belongs to its nth question and is set aside; one without a question
    (it lies in an earlier block, or questions are not logged) stands for the lookup itself.
    """
    open_rows = pl.col("reason").is_null()
    same = [*key, "answer", open_rows.alias("_open")]
    counted = rows.with_columns(open_rows.alias("_open"), _nth=pl.int_range(pl.len()).over(same))
    told = counted.filter(pl.col("_open") & pl.col("answer")).select(*key, "_nth", _told="action")
    asked = counted.filter(pl.col("_open") & ~pl.col("answer")).select(*key, "_nth", _asked=pl.lit(True))
    both = counted.join(told, on=[*key, "_nth"], how="left", nulls_equal=True, maintain_order="left")
    both = both.join(asked, on=[*key, "_nth"], how="left", nulls_equal=True, maintain_order="left")
    question = pl.col("_open") & ~pl.col("answer")
    again = pl.col("_open") & pl.col("answer") & pl.col("_asked").fill_null(False)
    return both.with_columns(
        action=pl.when(question).then(pl.coalesce("_told", "action")).otherwise("action"),
        reason=one_of({ANSWERED: again}, otherwise=pl.col("reason")),
    ).drop("_open", "_nth", "_told", "_asked")
