"""Counts which client was at which unknown name: rows of `names_by_client`, if the settings enable it.

An observation that matches the catalog becomes a sighting; all others are counted here. Because no
observation is in both, sightings that a later catalog makes of these rows (`hunt`) add to the existing ones.
Buckets are returned at the same time as those of `rollup`.
"""

from __future__ import annotations

import secrets
from datetime import datetime

import polars as pl

from sensor.match.grade import grade
from sensor.match.rollup import (
    browsed,
    bucket_of,
    buckets_of,
    ended,
    known_sum,
    lasted,
    later,
    needs_merge,
    too_many,
)
from sensor.schema import TIME

#: Maximum rows of open buckets, about 200 bytes each. Beyond it the oldest buckets are flushed early.
MAX_ROWS = 1_000_000
#: Maximum rows stored per client and bucket, the most frequent names first. More is a scan or a tunnel.
MAX_NAMES = 500
LEFT_OUT = "set aside: more names of one client in a quarter of an hour than names_by_client keeps"

#: Columns that identify the client.
WHO = ("client", "user_name", "device")
_KEY = ("bucket", *WHO, "host", "kind", "action", "input")
_SUMS = ("lookups", "connections", "requests", "bytes_up", "bytes_down")
_WORDS = ("name_from", "client_class", "catalog_version")
#: Highest grade of a sum: "exchanged". It cannot prove an upload.
_MOST = pl.lit(3, pl.Int16)
_NONE_LEFT_OUT = pl.DataFrame(schema={"input": pl.String, "count": pl.Int32})


class NamesByClient:
    """Sums observations by input, 15-minute bucket, client, host, kind and action."""

    def __init__(self) -> None:
        self._seed = secrets.randbits(63)
        #: rows of open buckets: the first frame is merged, later ones are not yet
        self._rows: list[pl.DataFrame] = []
        #: newest time of the latest batch, as in `NamesRollup`
        self._clock: object = None

    def add(self, unknown: pl.DataFrame, catalog_version: str) -> None:
        """Counts the observations that matched nothing in the catalog of this version.

        `unknown` needs the columns connections and requests. Rows without a host, or without any of WHO, are
        ignored.
        """
        somebody = pl.any_horizontal(pl.col(name).is_not_null() for name in WHO)
        some = unknown.filter(pl.col("host").is_not_null() & somebody)
        if some.is_empty():
            return
        is_dns = pl.col("kind") == "dns"
        rows = some.select(
            "input", "host", *WHO, "kind", "action", "seen_at", "name_from", "client_class",
            "connections", "requests", "bytes_up", "bytes_down",
            bucket=bucket_of(),
            ended=(pl.col("seen_at") + lasted()).cast(TIME),
            grade=pl.min_horizontal(grade(some), _MOST),
            lookups=pl.when(is_dns).then(pl.col("lookups").fill_null(1)),
            catalog_version=pl.lit(catalog_version),
        )  # fmt: skip
        self._clock = rows["seen_at"].max()
        self._rows.append(rows.with_columns(rows.select(_KEY).hash_rows(self._seed).alias("key")))
        if needs_merge(self._rows):
            self._merge()

    def flush(self, *, newest: datetime | None, final: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The finished buckets (with `final`, all), and how many rows were left out (MAX_NAMES) by input.

        Drops names that are not browsing (`rollup.browsed`). `newest`: the newest time of the input so far.
        """
        buckets = buckets_of(self._rows) if final else self._finished(later(newest, self._clock))
        if not buckets:
            return pl.DataFrame(), _NONE_LEFT_OUT
        is_finished = pl.col("bucket").is_in(buckets)
        finished = pl.concat([rows.filter(is_finished) for rows in self._rows])
        self._rows = [left for rows in self._rows if (left := rows.filter(~is_finished)).height]
        found = browsed(_merged(finished)).drop("key")
        kept = self._limited(found)
        if kept.height == found.height:
            return kept, _NONE_LEFT_OUT
        counts = pl.concat([found.select("input", count=1), kept.select("input", count=-1)])
        left_out = counts.group_by("input").agg(pl.col("count").sum()).filter(pl.col("count") > 0)
        return kept, left_out.sort("input")

    def _limited(self, rows: pl.DataFrame) -> pl.DataFrame:
        whose = ["input", "bucket", *WHO]
        if (rows.group_by(whose).len()["len"] <= MAX_NAMES).all():
            return rows
        often = pl.col("connections") + pl.col("lookups").fill_null(0)
        return rows.sort(often, "host", "kind", "action", descending=[True, False, False, False]).filter(
            pl.int_range(pl.len()).over(whose) < MAX_NAMES
        )

    def _finished(self, clock: datetime | None) -> list[datetime]:
        """Buckets that no late row can reach any more, and the oldest ones if there are too many rows."""
        past = ended(self._rows, clock)
        if sum(rows.height for rows in self._rows) > MAX_ROWS:
            self._merge()
            past += too_many(self._rows[0], MAX_ROWS)
        return past

    def _merge(self) -> None:
        if len(self._rows) > 1:
            self._rows = [_merged(pl.concat(self._rows))]


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per key, with the same columns."""
    grouped = rows.group_by("key").agg(
        pl.col(*_KEY).first(),
        pl.col("seen_at").min(),
        pl.col("ended").max(),
        pl.col("grade").max(),
        pl.col(*_WORDS).max(),
        *(known_sum(name) for name in _SUMS),
    )
    return grouped.select(rows.columns)
