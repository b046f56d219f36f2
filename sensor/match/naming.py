"""Names connections that have no name of their own by the DNS answer their client received.

The key is client and server address, never the address alone, because an address of a CDN serves thousands of
names. The newest answer at or before the start of the connection names it, if it is no older than its TTL or
`STALENESS`, whichever is longer: browsers and proxies use addresses well past the TTL. The name is that of
the query; the end of the CNAME chain is stored beside it. Confidence is lower if the answer was past its TTL,
if the address was only a hint, if the client received the address for another name as well, or if no query of
the client was seen (anyone can send answers).

A name read from the traffic itself (SNI, Host, URL) is never replaced, unless it is an ECH outer name
(`ech.py`).
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor import schema
from sensor.match import ech
from sensor.match.answers import BEHIND, MAX_ANSWERS, Answers
from sensor.match.match import NAME_CONFIDENCE

#: Factors on the confidence of a name from a DNS answer.
STALE_FACTOR = 0.9
HINT_FACTOR = 0.9
SHARED_FACTOR = 0.7
UNASKED_FACTOR = 0.7

_KEY = ("client", "address")


class NameTable:
    """Names connections by the DNS answers and ECH configurations that clients received."""

    def __init__(self, *, max_answers: int = MAX_ANSWERS, behind: timedelta = BEHIND) -> None:
        """`behind`: how long an answer is kept after it expires."""
        self._answers = Answers((*_KEY, "host", "hint", "unasked"), max_answers, behind)
        self._configs = Answers(("client", "host", "ech_config", "ech_public_name"), max_answers, behind)

    def __len__(self) -> int:
        return len(self._answers) + len(self._configs)

    @property
    def dropped(self) -> int:
        """Number of answers evicted while still valid."""
        return self._answers.dropped + self._configs.dropped

    def learn(self, answers: pl.DataFrame) -> None:
        """Adds `answers` (table ANSWERS); ignores rows without time, client or host."""
        rows = schema.ANSWERS.conform(answers).with_columns(pl.col("hint", "unasked").fill_null(False))
        self._answers.learn(rows)
        self._configs.learn(rows)

    def name(self, observations: pl.DataFrame) -> pl.DataFrame:
        """`observations` (table OBSERVATIONS) with names from DNS answers, in the same order.

        Fills in host, name_from, name_confidence and cname. Removes ECH outer names and sets `ech`. DNS
        queries, and rows without client or server, do not change.
        """
        rows = observations.with_row_index("row").with_columns(
            at=_start(), address="server", is_dns=(pl.col("kind") == "dns").fill_null(False)
        )
        covered, offered = self._uncovered(rows)
        nameless = pl.col("host").is_null() | pl.col("row").is_in(covered["row"].implode())
        wanted = rows.filter(nameless, ~pl.col("is_dns")).drop_nulls([*_KEY, "at"]).select("row", *_KEY, "at")
        if covered.is_empty() and (wanted.is_empty() or not len(self._answers)):
            return observations
        found = self._lookup(wanted.join(offered, on="row", how="anti"), self._answers.find(wanted, _KEY))
        return _renamed(rows, covered, pl.concat([offered, found])).select(observations.columns)

    def _uncovered(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows (row, outer) with an ECH outer name, and the true names found for them (`_FOUND`).

        A true name is found if the client itself received the configuration it used.
        """
        suspects = ech.suspects(rows.filter(~pl.col("is_dns")), self._configs.unique("ech_public_name"))
        if suspects.is_empty():
            return suspects.select("row", "outer"), _NOTHING
        answers = self._answers.find(suspects, _KEY)
        offered = suspects.select(ech_public_name="outer", ech_config="ech_config")
        configs = self._configs.find(offered, ("ech_public_name", "ech_config"))
        using = ech.using(answers, configs)
        found = self._lookup(suspects, using, by=(*_KEY, "outer", "ech_config"))
        anyone = self._answers.find(suspects.filter(~ech.is_certain()), ("address",))
        covered = ech.covered(suspects, answers, configs, anyone)
        chosen = pl.col("row").is_in(pl.concat([covered["row"], found["row"]]).implode())
        return suspects.filter(chosen).select("row", "outer"), found

    def _lookup(
        self, wanted: pl.DataFrame, answers: pl.DataFrame, by: tuple[str, ...] = _KEY
    ) -> pl.DataFrame:
        """The columns of `_FOUND` for the `wanted` (row, at, `by`) that one of `answers` names."""
        joined = wanted.sort("at").join_asof(
            _with_doubts(answers, by),
            left_on="at",
            right_on="answered_at",
            by=list(by),
            strategy="backward",
            check_sortedness=False,
        )
        stale = pl.col("fresh_until") < pl.col("at")
        only_hint = (pl.col("direct_until") >= pl.col("at")).fill_null(False).not_()
        shared = pl.col("other_until") >= pl.col("at")
        doubts = (
            (stale, STALE_FACTOR), (only_hint, HINT_FACTOR), (shared, SHARED_FACTOR),
            (pl.col("unasked"), UNASKED_FACTOR),
        )  # fmt: skip
        factor = pl.lit(1.0)
        for doubt, less in doubts:
            factor = factor * pl.when(doubt).then(less).otherwise(1.0)
        return joined.filter(pl.col("at") <= pl.col("until")).select(
            "row", "answer", "answer_cname", factor=factor
        )


_FOUND = {"row": pl.UInt32, "answer": pl.String, "answer_cname": pl.String, "factor": pl.Float64}
_NOTHING = pl.DataFrame(schema=_FOUND)


def _with_doubts(answers: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """`answers` (sorted by time) with `direct_until` and `other_until`.

    The first is until when an answer that is no hint supports the name. The second is until when the latest
    answer of the same key for another name is valid.
    """
    same_name = [*by, "host"]
    before = pl.col("until").shift().over(by)
    other = pl.col("host") != pl.col("host").shift().over(by)
    return answers.with_columns(
        answer="host",
        answer_cname="cname",
        direct_until=pl.when(~pl.col("hint")).then("until").cum_max().forward_fill().over(same_name),
        other_until=pl.when(other).then(before).forward_fill().over(by),
    ).drop("host", "cname")


def _renamed(rows: pl.DataFrame, covered: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the names `found`, and without the `covered` outer names, which never become a name."""
    hidden = pl.col("outer").is_not_null()
    joined = rows.join(covered, on="row", how="left", maintain_order="left").join(
        found, on="row", how="left", maintain_order="left"
    )
    answered = pl.when(pl.col("answer").ne_missing(pl.col("outer"))).then("answer")
    is_answered = answered.is_not_null()
    name_from = (
        pl.when(is_answered & hidden).then(pl.lit("ech_dns")).when(is_answered).then(pl.lit("dns_answer"))
    )
    base_confidence = name_from.replace_strict(NAME_CONFIDENCE, default=None, return_dtype=pl.Float64)
    return joined.with_columns(
        host=pl.when(hidden).then(answered).otherwise(pl.coalesce("host", answered)),
        name_from=pl.when(hidden | is_answered).then(name_from).otherwise("name_from"),
        name_confidence=pl.coalesce(base_confidence * pl.col("factor"), "name_confidence"),
        cname=pl.when(hidden | is_answered)
        .then(pl.when(is_answered).then("answer_cname"))
        .otherwise("cname"),
        ech=pl.when(hidden).then(pl.lit(True)).otherwise("ech"),
    )


def _start() -> pl.Expr:
    """Start of the connection: all its slices are named by the answer valid at the start."""
    return pl.coalesce("started_at", "seen_at")
