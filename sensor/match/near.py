"""Counts which unknown names clients use within 30 s of a known AI service (co-occurrence).

A half-minute slot is evaluated once all rows that can affect it have arrived, so that figures do not depend
on batch boundaries. A row that arrives more than 30 s late is compared only with the events still in memory.
Clients are stored as hashes, and only until their bucket ends. Hashes of clients and names include the input,
so that events of different inputs never co-occur: their clocks may differ, and the same event may be in both.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor.match.rollup import SPREAD, bucket_of, of_input
from sensor.schema import TIME

#: Maximum time between two events of one client that co-occur.
WITHIN = timedelta(seconds=30)
#: Maximum number of (bucket, host, client, service), about 50 bytes each. Further ones are not counted.
MAX_PAIRS = 1_000_000

#: Maximum services of one client counted per slot. More is a program.
MAX_SERVICES = 3

_SLOT = "30s"
#: `name` combines bucket and host; `key` adds client and service. One key column halves the time of a lookup.
_EVENT = {"client": pl.UInt64(), "seen_at": TIME}
_PAIR = {"bucket": TIME, "name": pl.UInt64(), "app": pl.UInt64(), "key": pl.UInt64()}


class Near:
    """The events of the last minutes, and the co-occurring pairs of unknown name and service of open buckets.

    Names, clients and services are hashes, because they are joined by the million.
    """

    def __init__(self, *, max_pairs: int = MAX_PAIRS) -> None:
        self._max_pairs = max_pairs
        self._pairs = pl.DataFrame(schema=_PAIR)
        #: hash → name of services
        self._apps = pl.DataFrame(schema={"app": pl.UInt64, "near_app": pl.String})
        #: names that matched the catalog in an open bucket, and so are not unknown in it
        self._known = pl.DataFrame(schema={"bucket": TIME, "name": pl.UInt64})
        self._visits = _slots(pl.DataFrame(schema=_EVENT | {"host": pl.UInt64}), "host")
        self._uses = _slots(pl.DataFrame(schema=_EVENT | {"app": pl.UInt64}), "app")
        self._uses_around = _uses_around(self._uses)

    def add(self, observations: pl.DataFrame, hits: pl.DataFrame) -> None:
        """Adds `observations`, and `hits`, those of them that matched the catalog.

        Both need the columns input, host, client and seen_at; `hits` also app and role. Hits with the role
        `embedded` do not count, because such hosts also serve other things.
        """
        known = hits.filter(pl.col("role") != "embedded").select("input", "client", "seen_at", "app")
        names = known.select("app", near_app="app").unique().with_columns(pl.col("app").hash())
        self._apps = pl.concat([self._apps, names]).unique()
        self._known = pl.concat([self._known, _names_of(hits)]).unique()
        uses = pl.concat([self._uses, _slots(_hashed(known), "app")])
        # Only by this batch: one line with a wrong clock must not make all later visits complete at once.
        complete_until = pl.lit(observations["seen_at"].max(), dtype=TIME) - 3 * WITHIN
        # A recent visit may still be followed by a use.
        slots_with_use = _slots_around(uses).select(_mixed("client", "slot")).to_series().unique().implode()
        is_recent = pl.col("seen_at") > complete_until
        near = observations.select("seen_at", client=of_input("client"), slot=_slot()).select(
            (_mixed("client", "slot").is_in(slots_with_use) | is_recent).fill_null(False)
        )
        rows = _hashed(observations.select("input", "client", "seen_at", "host").filter(near.to_series()))
        # Known names first: where most lines are of AI services, few visits are left, and few uses near one.
        rows = rows.filter(~_name(pl.col("host"), bucket_of()).is_in(self._known["name"].implode()))
        visits = pl.concat([self._visits, _slots(rows, "host")])
        self._uses_around = _uses_around(uses.filter(pl.col("client").is_in(visits["client"].implode())))
        is_complete = (pl.col("slot") <= complete_until).fill_null(False)
        self._pair_up(visits.filter(is_complete))
        self._visits = visits.filter(~is_complete)
        self._uses = uses.filter((pl.col("slot") > complete_until - WITHIN).fill_null(True))

    def label(self, finished: pl.DataFrame) -> pl.DataFrame:
        """Adds near_app and near_clients to `finished` (rows of finished buckets).

        near_app is the service that most clients of the name used within 30 s; near_clients is their number.
        """
        is_finished = pl.col("bucket").is_in(finished["bucket"].unique().implode())
        self._pair_up(self._visits.filter(is_finished))  # these buckets are complete
        self._visits = self._visits.filter(~is_finished)
        known, self._known = self._known.filter(is_finished), self._known.filter(~is_finished)
        if self._pairs.is_empty():
            return finished.with_columns(
                near_clients=pl.lit(None, pl.Int64), near_app=pl.lit(None, pl.String)
            )
        pairs, self._pairs = self._pairs.filter(is_finished), self._pairs.filter(~is_finished)
        asked = finished.with_columns(name=_name(of_input("host")))
        is_unknown = ~pl.col("name").is_in(known["name"].implode())
        counted = (
            pairs.filter(is_unknown, pl.col("name").is_in(asked["name"].implode()))
            .group_by(_mixed("name", "app").alias("pair"))
            .agg(pl.col("name", "app").first(), near_clients=pl.len().cast(pl.Int64))
            .join(self._apps, on="app")
            .sort(["near_clients", "near_app"], descending=[True, False])
            .unique("name", keep="first", maintain_order=True)
            .drop("app", "pair")
        )
        return asked.join(counted, on="name", how="left", maintain_order="left").drop("name")

    def _pair_up(self, visits: pl.DataFrame) -> None:
        """Adds the pairs of visits and uses in one slot, or in adjacent slots at most WITHIN apart."""
        if visits.is_empty() or self._pairs.height >= self._max_pairs:
            return
        since_last, until_next = pl.col("first") - pl.col("to"), pl.col("from_") - pl.col("last")
        is_near = pl.col("same") | (since_last <= WITHIN) | (until_next <= WITHIN)
        pairs = (
            visits.join(self._uses_around.drop("client", "slot"), on="client_slot")
            .filter(is_near.fill_null(False))
            .select("bucket", "app", name=_name(pl.col("host")), client="client")
            .filter(~pl.col("name").is_in(self._known["name"].implode()))
            .select("bucket", "name", "app", key=_mixed("name", "client", "app"))
        )
        new = pairs.filter(
            pl.col("key").is_first_distinct() & ~pl.col("key").is_in(self._pairs["key"].implode())
        )
        room = self._max_pairs - self._pairs.height
        if new.height > room:
            new = new.sort(list(_PAIR)).head(room)
        self._pairs = pl.concat([self._pairs, new])


def _uses_around(uses: pl.DataFrame) -> pl.DataFrame:
    """Up to MAX_SERVICES services that each client used in or next to a slot: client, slot, client_slot, app.

    `same`: used in the slot itself. `to`: last use in the slot before. `from_`: first use in the slot after.
    """
    return (
        _slots_around(uses)
        .with_columns(client_slot=_mixed("client", "slot"))
        .group_by(_mixed("client_slot", "app").alias("key"))
        .agg(
            pl.col("client", "slot", "client_slot", "app").first(),
            pl.col("same").any(),
            pl.col("to").max(),
            pl.col("from_").min(),
        )
        .drop("key")
        .sort("same", "app", descending=[True, False])
        .filter(pl.int_range(pl.len()).over("client_slot") < MAX_SERVICES)
    )


def _slots_around(uses: pl.DataFrame) -> pl.DataFrame:
    """`uses` three times: in their slot, the next one and the one before."""
    steps = (
        uses.select("client", "app", slot=pl.col("slot") + step * WITHIN, same=pl.lit(step == 0),
                    to=pl.col("last") if step == 1 else pl.lit(None, TIME),
                    from_=pl.col("first") if step == -1 else pl.lit(None, TIME))
        for step in (0, 1, -1)
    )  # fmt: skip
    return pl.concat(steps)


def _names_of(hits: pl.DataFrame) -> pl.DataFrame:
    """Bucket and name of the hosts in `hits`."""
    hosts = hits.select("input", "host", bucket=bucket_of()).drop_nulls().unique()
    return hosts.select("bucket", name=_name(of_input("host")))


def _hashed(events: pl.DataFrame) -> pl.DataFrame:
    """`events` with texts hashed, without rows that lack one."""
    texts = [name for name in ("host", "client") if name in events.columns]
    whole = events.drop_nulls([*texts, "seen_at"]).with_columns(of_input(name).alias(name) for name in texts)
    return whole.with_columns(pl.col("app").hash()) if "app" in events.columns else whole


def _mixed(*columns: str) -> pl.Expr:
    """Combines hashes and a slot in one key; grouping by one column takes half the time."""
    key = pl.lit(0, dtype=pl.UInt64)
    for column in columns:
        key = key * SPREAD + pl.col(column).cast(pl.Int64 if column == "slot" else pl.UInt64).cast(pl.UInt64)
    return key


def _name(host: pl.Expr, bucket: pl.Expr | None = None) -> pl.Expr:
    """Combines the bucket (by default the column of that name) and the hash of a host in one key."""
    bucket = pl.col("bucket") if bucket is None else bucket
    return host ^ (bucket.cast(pl.Int64).cast(pl.UInt64) * SPREAD)


def _slot() -> pl.Expr:
    return pl.col("seen_at").dt.truncate(_SLOT).cast(TIME)


def _slots(rows: pl.DataFrame, what: str) -> pl.DataFrame:
    """First and last event of each client and `what` (hashes) by half-minute slot, with its bucket."""
    return (
        rows.with_columns(slot=_slot())
        .group_by(_mixed("client", "slot", what).alias("key"))
        .agg(
            pl.col("client", what, "slot").first(),
            first=pl.col("seen_at").min(),
            last=pl.col("seen_at").max(),
        )
        .with_columns(bucket=bucket_of("slot"))
        .select("client", what, "slot", "bucket", "first", "last", client_slot=_mixed("client", "slot"))
    )
