"""DNS lookups as resolvers log them: what an answer's code means, and answers given to their questions."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sensor.decode.dns.question_types import QUESTION_TYPES
from sensor.sources.logs.text.reasons import ANSWERED
from sensor.sources.logs.text.words import one_of

_ALLOWED = ("NOERROR", "0")
_REFUSED = ("REFUSED", "5", "NXDOMAIN", "3")
#: Windows' error codes of answers (WinError.h), any others than these that are no success say less.
_WINDOWS = {"0": "NOERROR", "9002": "SERVFAIL", "9003": "NXDOMAIN", "9005": "REFUSED"}
#: Answers that lead nowhere or back to the computer that asked, and no others.
_NOWHERE = r"^(?:(?:(?:::ffff:)?(?:0\.0\.0\.0|127\.0\.0\.1)|::1?)(?:,|$))+$"
#: Some logs write the type of a question as a number: `28` or `TYPE28`.
_TYPES = {str(number): name for number, name in QUESTION_TYPES.items()}


def verdict(rcode: pl.Expr) -> pl.Expr:
    """allowed, blocked or unknown of a response code's name or number; NULL for none.

    That a name of the catalog does not exist is what a filter says of it (the default of RPZ): blocked, as in
    packets (decode/dns/lookups.py).
    """
    code = rcode.str.to_uppercase()
    return one_of(
        {"blocked": code.is_in(_REFUSED), "allowed": code.is_in(_ALLOWED), "unknown": code.is_not_null()}
    )


def windows_verdict(status: pl.Expr) -> pl.Expr:
    """allowed, blocked or unknown of the error code Windows gives a lookup; NULL for any other code."""
    return verdict(status.replace_strict(_WINDOWS, default=None))


def led(answers: pl.Expr, action: pl.Expr) -> pl.Expr:
    """`action`, or blocked where all `answers` (a list of addresses) lead nowhere, as filters answer."""
    nowhere = answers.list.join(",", ignore_nulls=True).str.contains(_NOWHERE)
    return one_of({"blocked": nowhere}, otherwise=action)


def question_type(written: pl.Expr) -> pl.Expr:
    """The mnemonic of a question's type: A, AAAA, HTTPS …, of its name or number."""
    bare = written.str.to_uppercase().str.strip_prefix("TYPE")
    return bare.replace(_TYPES)


def paired(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """`rows` (with `answer`, `action`, `reason`, and maybe `answers`) with each question's action taken from
    its answer.

    The nth answer of a `key` belongs to its nth question and is set aside; one without a question
    (it lies in an earlier block, or questions are not logged) stands for the lookup itself. Where a column
    `ruled` says that an answer is what a rule made of the lookup, the answer that was sent comes after it.
    """
    if "answers" in rows.columns:
        rows = rows.with_columns(action=led(pl.col("answers"), pl.col("action")))
    if "ruled" in rows.columns:
        rows = _one_answer(rows, key)
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


def _one_answer(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """`rows` with the answer next to a rule's verdict set aside: both are about one lookup.

    What the rule refused, it refused, whatever was answered; what it let pass ended as its answer did.
    """
    ruled = pl.col("ruled") & pl.col("reason").is_null()
    sent = pl.col("answer") & pl.col("reason").is_null() & ~ruled
    follows = sent & ruled.shift(1, fill_value=False).over(key)
    passed = ruled & sent.shift(-1, fill_value=False).over(key) & (pl.col("action") != "blocked")
    ended = pl.coalesce(pl.col("action").shift(-1).over(key), "action")
    return rows.with_columns(
        action=pl.when(passed).then(ended).otherwise("action"),
        reason=one_of({ANSWERED: follows}, otherwise=pl.col("reason")),
    )
