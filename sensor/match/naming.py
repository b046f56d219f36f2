"""Names connections that carry none by the DNS answer their client got for the server's address.

The key is (client, server address), never the address alone: an address of a content network
serves thousands of names. The newest answer at or before the connection's start names it, while
it is no older than its TTL, or `STALENESS` where that is longer: browsers and proxies hold
addresses well past the TTL. The connection is named by the question, with the end of the CNAME
chain beside it.

A name read from the traffic itself (SNI, Host, URL) is never replaced.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor import schema

#: An answer names connections at least this long, whatever its TTL.
STALENESS = timedelta(hours=1)
#: No TTL is believed beyond this (RFC 8767 caps what is kept at days; a week is a mistake).
MAX_AGE = timedelta(days=1)
#: Answers kept; about 200 bytes each. The oldest go first, and `dropped` counts them.
MAX_ANSWERS = 1_000_000

#: Batches of answers kept apart before they are put together.
MAX_CHUNKS = 32
#: An answer is kept this much longer than it is valid: a day's DNS log may be read as a whole
#: before the day's connections.
BEHIND = timedelta(days=1)

_KEY = ("client", "address")


class NameTable:
    """The answers clients were given, bounded by age and number."""

    def __init__(self, *, max_answers: int = MAX_ANSWERS) -> None:
        #: each sorted by time; put together now and then, not at every batch
        self._chunks: list[pl.DataFrame] = []
        self._max_answers = max_answers
        #: answers that had to go although they could still have named something
        self.dropped = 0

    def __len__(self) -> int:
        return sum(chunk.height for chunk in self._chunks)

    def learn(self, answers: pl.DataFrame) -> None:
        """Remember `answers` (table ANSWERS; rows without time, client, address or host are ignored)."""
        fresh = schema.ANSWERS.conform(answers).drop_nulls(["answered_at", *_KEY, "host"])
        if fresh.is_empty():
            return
        self._chunks.append(_distinct(fresh))
        if len(self._chunks) > MAX_CHUNKS or len(self) > self._max_answers:
            self._compact()

    def _compact(self) -> None:
        """One chunk of all, without what is too old and what is too much."""
        known = _distinct(pl.concat(self._chunks))
        newest = pl.col("answered_at").max()
        live = known.filter(pl.col("answered_at") + _lifetime() + BEHIND >= newest)
        # A tenth is freed at once: a full table would otherwise be put together for every batch.
        keep = live.height if live.height <= self._max_answers else self._max_answers * 9 // 10
        self.dropped += live.height - keep
        self._chunks = [live.tail(keep)]

    def name(self, observations: pl.DataFrame) -> pl.DataFrame:
        """`observations` (table OBSERVATIONS), with host, name_from and cname where an answer tells them.

        Rows keep their order. DNS questions, and rows without client or server, stay as they are.
        """
        unnamed = pl.col("host").is_null() & (pl.col("kind") != "dns") & pl.col("client").is_not_null()
        numbered = observations.with_row_index("row")
        wanted = numbered.filter(unnamed, pl.col("server").is_not_null(), _start().is_not_null())
        if wanted.is_empty() or not self._chunks:
            return observations
        found = self._lookup(wanted.select("row", "client", address="server", at=_start()))
        return (
            numbered.join(found, on="row", how="left", maintain_order="left")
            .with_columns(
                host=pl.coalesce("host", "told"),
                name_from=pl.when(pl.col("told").is_not_null())
                .then(pl.lit("dns_answer"))
                .otherwise(pl.col("name_from")),
                cname=pl.coalesce("told_cname", "cname"),
            )
            .select(observations.columns)
        )

    def _lookup(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Columns row, told, told_cname for each of `wanted` (row, client, address, at) with an answer."""
        asked = [chunk.join(wanted, on=_KEY, how="semi") for chunk in self._chunks]
        told = pl.concat(asked).sort("answered_at", maintain_order=True)
        told = told.select(
            *_KEY, "answered_at", until=pl.col("answered_at") + _lifetime(), told="host", told_cname="cname"
        )
        joined = wanted.sort("at").join_asof(
            told,
            left_on="at",
            right_on="answered_at",
            by=list(_KEY),
            strategy="backward",
            check_sortedness=False,
        )
        return joined.filter(pl.col("at") <= pl.col("until")).select("row", "told", "told_cname")


def _distinct(answers: pl.DataFrame) -> pl.DataFrame:
    """`answers` by time; one that is told again within its minute adds nothing."""
    minute = pl.col("answered_at").dt.truncate("1m")
    ordered = answers.sort("answered_at", maintain_order=True)
    return ordered.unique([*_KEY, "host", minute], keep="first", maintain_order=True)


def _start() -> pl.Expr:
    """When the connection began: a later slice is still named by the answer it began with."""
    return pl.coalesce("started_at", "seen_at")


def _lifetime() -> pl.Expr:
    ttl = pl.duration(seconds=pl.col("ttl_s").fill_null(0).clip(0, int(MAX_AGE.total_seconds())))
    return pl.max_horizontal(ttl, pl.lit(STALENESS))
