"""Sums over all names, matched or not (table `names`), and DNS lookups collapsed to bursts.

A bucket is returned once the input has passed its end, so that figures do not depend on where batches are
cut. Only a flood of names exceeds the bounds below: then the oldest buckets are returned early, in part, and
the rest as rows of their own. Lookups and bytes of both parts still add up; a client in both is counted
twice.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import polars as pl

from sensor.schema import STREAM_CLASSES, TIME

BUCKET = "15m"
BUCKET_SPAN = timedelta(minutes=15)
#: how far behind the newest row a row may still arrive and join its bucket
LATE = timedelta(minutes=10)
#: rows (bucket, host, client) kept of open buckets; about 100 bytes each
MAX_CLIENTS = 2_000_000
#: lookup bursts kept open; about a kilobyte each, and half of them go at once
MAX_BURSTS = 500_000
#: rows that may lie unmerged beside few
SLACK = 200_000
#: rows of one batch of which enough have the same name to group them at once; their clients differ
_MANY = 50_000
#: zones that are not browsing: reverse lookups and link-local discovery
NOT_NAMES = (".in-addr.arpa", ".ip6.arpa", ".local")

_SUMS = ("lookups", "connections", "bytes_up", "bytes_down", "streams", "even_streams")
#: odd, so that no two buckets fall together
_SPREAD = 0x9E3779B97F4A7C15


def begins() -> pl.Expr:
    """True for a row that begins something: a connection, a request in it, a line of a log."""
    return (pl.col("slice").fill_null(0) == 0) | pl.col("asks").fill_null(False)


def newest_seen(observations: pl.DataFrame) -> datetime | None:
    """The newest time of a batch: of its DNS questions if it has any, else of all rows; None if empty.

    Logs of lookups and of connections may be read one after the other, and then share a batch.
    """
    lookups = observations.filter(pl.col("kind") == "dns")
    newest = (observations if lookups.is_empty() else lookups).get_column("seen_at").max()
    return newest if isinstance(newest, datetime) else None


class NamesRollup:
    """Sums observations by 15-minute bucket and host, and counts distinct clients without keeping them.

    Rows are kept until their bucket is over and then grouped once, or earlier if there are many. Names are
    distinguished by 64-bit hashes with a random seed per process, so that nobody can craft a name that is
    taken for another.
    """

    def __init__(self, *, max_clients: int = MAX_CLIENTS, slack: int = SLACK) -> None:
        self._max_clients, self._slack = max_clients, slack
        self._seed = secrets.randbits(63)
        #: of open buckets; the first of each is the merged rest, later ones are as they came
        self._sums: list[pl.DataFrame] = []
        #: (bucket, name, client) seen so far; leaves memory with its bucket. `name` is of bucket and host
        self._clients: list[pl.DataFrame] = []
        self._clock: datetime | None = None

    def add(self, observations: pl.DataFrame) -> None:
        """Count the observations (table OBSERVATIONS) that have a host."""
        is_dns = pl.col("kind") == "dns"
        bucket = pl.col("seen_at").dt.truncate(BUCKET).cast(TIME)
        is_begun = ~is_dns & begins()
        is_even = pl.col("stream_like") == STREAM_CLASSES[0]
        named = observations.lazy().filter(pl.col("host").is_not_null())  # only the columns below are copied
        rows = named.select(
            bucket=bucket,
            name=pl.col("host").hash(self._seed) ^ (bucket.cast(pl.Int64).cast(pl.UInt64) * _SPREAD),
            host="host",
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
            client=pl.col("client").hash(self._seed),
        ).collect()
        if rows.is_empty():
            return
        self._clock = later(self._clock, rows.get_column("last_seen").max())
        sums, clients = rows.drop("client"), rows.select("bucket", "name", "client")
        self._sums.append(_merged(sums) if rows.height > _MANY else sums)
        self._clients.append(clients)
        if is_pile(self._clients, self._slack):
            self._merge()

    def flush(self, *, newest: datetime | None = None, all_of_it: bool = False) -> pl.DataFrame:
        """The buckets that are over (`all_of_it`: all), as rows of NAMES without the columns of the origin.

        They are in no particular order; compaction sorts them. `newest`: how far the input has come
        (`newest_seen`), if further than the names counted.
        """
        over = set(self._buckets() if all_of_it else self._over(later(self._clock, newest)))
        if not over:
            return pl.DataFrame(schema={"bucket": TIME, "host": pl.String})
        is_over = pl.col("bucket").is_in(list(over))
        sums, clients = (
            pl.concat([frame.filter(is_over) for frame in frames]) for frames in (self._sums, self._clients)
        )
        self._sums, self._clients = (
            [left for frame in frames if (left := frame.filter(~is_over)).height]
            for frames in (self._sums, self._clients)
        )
        counts = _distinct(clients).group_by("name").agg(pl.len().cast(pl.Int64).alias("clients"))
        return browsed(_merged(sums)).join(counts, on="name", how="left").drop("name")

    def _buckets(self) -> list[datetime]:
        return sorted({bucket for sums in self._sums for bucket in sums.get_column("bucket").unique()})

    def _over(self, clock: datetime | None) -> list[datetime]:
        """The buckets that end before what may still arrive, and the oldest of which there is too much."""
        open_until = BUCKET_SPAN + LATE
        past = [bucket for bucket in self._buckets() if clock is not None and bucket + open_until <= clock]
        if sum(clients.height for clients in self._clients) > self._max_clients:
            self._merge()
            (clients,) = self._clients
            newest_first = clients.group_by("bucket").len().sort("bucket", descending=True)
            too_much = newest_first.filter(pl.col("len").cum_sum() > self._max_clients)
            past += too_much.get_column("bucket").to_list()
        return past

    def _merge(self) -> None:
        """One frame of all there is: not at every batch, or a capture of many names would get slow."""
        if len(self._sums) > 1:
            self._sums = [_merged(pl.concat(self._sums))]
            self._clients = [_distinct(pl.concat(self._clients))]


def browsed(sums: pl.DataFrame) -> pl.DataFrame:
    """`sums` without reverse lookups, link-local discovery and bare addresses, which are no browsing."""
    host = pl.col("host")
    address = host.str.contains(r"^[0-9.]+$") | host.str.contains(":", literal=True)
    return sums.filter(~address, *(~host.str.ends_with(ending) for ending in NOT_NAMES))


def is_pile(frames: list[pl.DataFrame], slack: int = SLACK) -> bool:
    """True if the frames after the first, merged one hold more rows than it does, and `slack` more."""
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
    """`sums` grouped to one row per bucket and host, with the same columns."""
    # Most logs lack half of these, and grouping what is not there costs as much.
    filled = {name for name in sums.columns if sums[name].null_count() < sums.height}
    grouped = sums.group_by(
        "name"
    ).agg(
        pl.col("bucket", "host").first(),
        *(pl.col(name).sum() for name in _SUMS[:2]),  # which every row has
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


class LookupBursts:
    """Collapses matched DNS questions to one row per client, host, action and minute; their `lookups` add up.

    Rows of the newest two minutes wait for the next batch.
    """

    KEY = ("client", "host", "action", "minute")

    def __init__(self, *, max_bursts: int = MAX_BURSTS) -> None:
        self._max_bursts = max_bursts
        self._open: pl.DataFrame | None = None

    def merge(self, hits: pl.DataFrame, *, newest: datetime | None, last: bool) -> pl.DataFrame:
        """`hits` with their DNS rows collapsed, and the rows that had waited; `lookups` is NULL on other
        rows.

        `newest`: how far the input has come (`newest_seen`); None if the batch was empty. With `last` nothing
        waits any longer.
        """
        other = hits.filter(pl.col("kind") != "dns").with_columns(
            pl.lit(None, dtype=pl.Int64).alias("lookups")
        )
        dns = hits.filter(pl.col("kind") == "dns").with_columns(
            pl.col("seen_at").dt.truncate("1m").alias("minute"), pl.col("lookups").fill_null(1)
        )
        if self._open is not None:
            dns = pl.concat([self._open, dns.select(self._open.columns)])
        if dns.is_empty():
            return other
        bursts = self._collapse(dns)
        before = pl.lit(newest, dtype=TIME).dt.truncate("1m") - timedelta(minutes=1)
        ready = pl.lit(True) if last else (pl.col("minute") < before).fill_null(False)
        waiting, finished = bursts.filter(~ready), [bursts.filter(ready)]
        if waiting.height > self._max_bursts:
            ordered, keep = waiting.sort("seen_at", maintain_order=True), self._max_bursts // 2
            waiting = ordered.tail(keep)
            finished.append(ordered.head(ordered.height - keep))
        self._open = waiting
        out = [other, *(rows.drop("minute").select(other.columns) for rows in finished)]
        return pl.concat(out).sort("seen_at", maintain_order=True)

    def _collapse(self, dns: pl.DataFrame) -> pl.DataFrame:
        ends = pl.col("seen_at") + pl.duration(
            microseconds=(pl.col("duration_s").fill_null(0) * 1e6).cast(pl.Int64)
        )
        rest = [c for c in dns.columns if c not in {*self.KEY, "seen_at", "duration_s", "lookups"}]
        return (
            dns.sort("seen_at", maintain_order=True)
            .group_by(self.KEY, maintain_order=True)
            .agg(
                pl.col("seen_at").min(),
                ((ends.max() - pl.col("seen_at").min()).dt.total_microseconds() / 1e6).alias("duration_s"),
                pl.col("lookups").sum(),
                *(pl.col(name).drop_nulls().first() for name in rest),
            )
            .select(dns.columns)
        )
