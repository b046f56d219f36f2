"""Sums over all names, matched or not (table `names`); each input by itself.

A bucket is returned when the input has passed its end, so that figures do not depend on batch boundaries. If
a flood of names exceeds the limits below, the oldest buckets are returned early, in part, and the remainder
later as separate rows. Lookups and bytes of both parts still add up; a client in both is counted twice.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import polars as pl

from sensor.schema import STREAM_CLASSES, TIME

BUCKET_SPAN = timedelta(minutes=15)
#: how late a row may arrive, after the newest row, and still join its bucket
LATE = timedelta(minutes=10)
#: maximum rows (bucket, host, client) of open buckets, about 100 bytes each
MAX_CLIENTS = 2_000_000
#: rows that may stay unmerged, whatever the size of the merged frame
SLACK = 200_000
#: batches larger than this are grouped by name at once
_MANY = 50_000
#: zones that are not browsing: reverse lookups and link-local discovery
NOT_NAMES = (".in-addr.arpa", ".ip6.arpa", ".local")

_SUMS = ("lookups", "connections", "bytes_up", "bytes_down", "streams", "even_streams")
#: odd multiplier: a bijection modulo 2^64, so it adds no collisions to hashes
SPREAD = 0x9E3779B97F4A7C15


def bucket_of(time: str = "seen_at") -> pl.Expr:
    """The beginning of the bucket in which the time in column `time` lies."""
    return pl.col(time).dt.truncate(BUCKET_SPAN).cast(TIME)


def begins() -> pl.Expr:
    """True for a row that begins a connection or a request in it, or is a log line."""
    return (pl.col("slice").fill_null(0) == 0) | pl.col("asks").fill_null(False)


def of_input(column: str, seed: int = 0) -> pl.Expr:
    """Hash of a column (String) that differs from input to input."""
    return pl.col(column).hash(seed) ^ (pl.col("input").hash(seed) * SPREAD)


def lasted() -> pl.Expr:
    """`duration_s` as a duration, zero if unknown."""
    return pl.duration(microseconds=(pl.col("duration_s").fill_null(0) * 1e6).cast(pl.Int64))


def newest_seen(observations: pl.DataFrame) -> datetime | None:
    """The newest time of the DNS queries of a batch, or of all its rows if it has none; None if empty.

    A batch may contain a DNS log and a connection log that were read one after the other.
    """
    lookups = observations.filter(pl.col("kind") == "dns")
    newest = (observations if lookups.is_empty() else lookups).get_column("seen_at").max()
    return newest if isinstance(newest, datetime) else None


class NamesRollup:
    """Sums observations by input, 15-minute bucket and host, and counts distinct clients.

    Rows are kept until their bucket ends and then grouped once, or earlier if there are many. Names are
    compared by 64-bit hashes with a random seed per process, so that nobody can craft a collision. Clients
    are hashes, too, and are dropped with their bucket.
    """

    def __init__(self, *, max_clients: int = MAX_CLIENTS, slack: int = SLACK) -> None:
        self._max_clients, self._slack = max_clients, slack
        self._seed = secrets.randbits(63)
        #: rows of open buckets: the first frame is merged, later ones are not yet
        self._sums: list[pl.DataFrame] = []
        #: distinct (bucket, name, client) of open buckets; `name` combines input, bucket and host
        self._clients: list[pl.DataFrame] = []
        #: newest time of the latest batch: an earlier one may have had a line of a wrong clock, or been of a
        #: log that ends later (Zeek's dns.log before its conn.log)
        self._clock: object = None

    def add(self, observations: pl.DataFrame) -> None:
        """Counts the observations (table OBSERVATIONS, and `input`) that have a host."""
        is_dns = pl.col("kind") == "dns"
        bucket = bucket_of()
        is_begun = ~is_dns & begins()
        is_even = pl.col("stream_like") == STREAM_CLASSES[0]
        named = observations.lazy().filter(pl.col("host").is_not_null())  # only the columns below are copied
        rows = named.select(
            bucket=bucket,
            name=of_input("host", self._seed) ^ (bucket.cast(pl.Int64).cast(pl.UInt64) * SPREAD),
            host="host",
            input="input",
            lookups=pl.when(is_dns).then(pl.col("lookups").fill_null(1)).otherwise(0),
            connections=is_begun.cast(pl.Int64),
            bytes_up="bytes_up",
            bytes_down="bytes_down",
            streams="stream_turns",
            even_streams=pl.when(is_even).then("stream_turns").otherwise(pl.col("stream_turns") * 0),
            cname="cname",
            client_class="client_class",
            first_seen="seen_at",
            last_seen="seen_at",
            client=pl.when(pl.col("client").is_not_null()).then(pl.col("client").hash(self._seed)),
        ).collect()
        if rows.is_empty():
            return
        self._clock = rows.get_column("last_seen").max()
        sums, clients = rows.drop("client"), rows.select("bucket", "name", "client")
        self._sums.append(_merged(sums) if rows.height > _MANY else sums)
        self._clients.append(clients)
        if needs_merge(self._clients, self._slack):
            self._merge()

    def flush(self, *, newest: datetime | None = None, final: bool = False) -> pl.DataFrame:
        """The finished buckets (with `final`, all), as rows of NAMES without the columns of the origin.

        Rows are in no order; compaction sorts them. `newest`: the newest time of the input so far
        (`newest_seen`), if later than the names counted.
        """
        buckets = set(buckets_of(self._sums) if final else self._finished(later(newest, self._clock)))
        if not buckets:
            return pl.DataFrame(schema={"bucket": TIME, "host": pl.String, "input": pl.String})
        is_finished = pl.col("bucket").is_in(list(buckets))
        sums, clients = (
            pl.concat([frame.filter(is_finished) for frame in frames])
            for frames in (self._sums, self._clients)
        )
        self._sums, self._clients = (
            [left for frame in frames if (left := frame.filter(~is_finished)).height]
            for frames in (self._sums, self._clients)
        )
        known = clients.filter(pl.col("client").is_not_null())
        counts = _distinct(known).group_by("name").agg(pl.len().cast(pl.Int64).alias("clients"))
        return browsed(_merged(sums)).join(counts, on="name", how="left").drop("name")

    def _finished(self, clock: datetime | None) -> list[datetime]:
        """Buckets that no late row can reach any more, and the oldest ones if there are too many rows."""
        past = ended(self._sums, clock)
        if sum(clients.height for clients in self._clients) > self._max_clients:
            self._merge()
            past += too_many(self._clients[0], self._max_clients)
        return past

    def _merge(self) -> None:
        """Merges all frames. Not done at every batch, which would be slow for captures with many names."""
        if len(self._sums) > 1:
            self._sums = [_merged(pl.concat(self._sums))]
            self._clients = [_distinct(pl.concat(self._clients))]


def browsed(sums: pl.DataFrame) -> pl.DataFrame:
    """`sums` without reverse lookups, link-local discovery and bare addresses, which are not browsing."""
    host = pl.col("host")
    address = host.str.contains(r"^[0-9.]+$") | host.str.contains(":", literal=True)
    return sums.filter(~address, *(~host.str.ends_with(ending) for ending in NOT_NAMES))


def buckets_of(frames: list[pl.DataFrame]) -> list[datetime]:
    """The buckets that `frames` have rows of, oldest first."""
    return sorted({bucket for frame in frames for bucket in frame.get_column("bucket").unique()})


def ended(frames: list[pl.DataFrame], clock: datetime | None) -> list[datetime]:
    """The buckets of `frames` that no late row can reach any more."""
    open_for = BUCKET_SPAN + LATE
    return [bucket for bucket in buckets_of(frames) if clock is not None and bucket + open_for <= clock]


def too_many(rows: pl.DataFrame, most: int) -> list[datetime]:
    """The oldest buckets of `rows`, as many as have to go for at most `most` rows to stay."""
    newest_first = rows.group_by("bucket").len().sort("bucket", descending=True)
    return newest_first.filter(pl.col("len").cum_sum() > most).get_column("bucket").to_list()


def needs_merge(frames: list[pl.DataFrame], slack: int = SLACK) -> bool:
    """True if the frames after the first (merged) one have more rows than it has plus `slack`."""
    return sum(frame.height for frame in frames[1:]) > frames[0].height + slack


def later(one: datetime | None, other: object) -> datetime | None:
    """The later of two times; None if neither is a time."""
    if not isinstance(other, datetime):
        return one
    return other if one is None else max(one, other)


def known_sum(name: str) -> pl.Expr:
    """The sum of a column, NULL if all its values are NULL."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def _distinct(clients: pl.DataFrame) -> pl.DataFrame:
    return clients.filter((pl.col("name") * 3 + pl.col("client").fill_null(0)).is_first_distinct())


def _merged(sums: pl.DataFrame) -> pl.DataFrame:
    """`sums` grouped to one row per input, bucket and host, with the same columns."""
    # Most logs lack half of these columns, and aggregating an empty column costs as much as a full one.
    filled = {name for name in sums.columns if sums[name].null_count() < sums.height}
    grouped = sums.group_by(
        "name"
    ).agg(
        pl.col("bucket", "host", "input").first(),
        *(pl.col(name).sum() for name in _SUMS[:2]),  # never NULL
        *(known_sum(name) for name in _SUMS[2:] if name in filled),
        *(pl.col(name).max() for name in ("cname", "client_class") if name in filled),
        pl.col("first_seen").min(),
        pl.col("last_seen").max(),
    )
    nothing = (
        pl.lit(None, dtype=sums.schema[name]).alias(name) for name in sums.columns if name not in filled
    )
    grouped = grouped.with_columns(nothing)
    return grouped.select(sums.columns)
