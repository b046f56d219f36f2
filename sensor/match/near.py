"""Counts which unknown names clients use within 30 s of a known AI service.

A span of time is evaluated once all rows that may belong to it have come, so that figures do not depend on
where batches are cut. Rows that come more than 30 s late meet what is still remembered. Clients are kept as
hashes, and only until their bucket is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from sensor.match.rollup import BUCKET, later
from sensor.schema import TIME

#: Two events of one client this far apart or less belong together.
WITHIN = timedelta(seconds=30)
#: Meetings of (bucket, host, client, service) kept; about 50 bytes each. What is more is not counted.
MAX_MEETINGS = 1_000_000

#: Services of one client that count in a half minute: more is no person.
MAX_SERVICES = 3

_SLOT = "30s"
#: odd, so that no two hashes fall together
_SPREAD = 0x9E3779B97F4A7C15
_TEXTS = ("host", "client", "app")
#: `name` is of bucket and host, `key` of these, client and service: one column is found in half the time of
#: two
_EVENT = {"client": pl.UInt64(), "seen_at": TIME}
_MEETING = {"bucket": TIME, "name": pl.UInt64(), "app": pl.UInt64(), "key": pl.UInt64()}


class Near:
    """Remembers events of the last minutes, and meetings of unknown names with known services in open
    buckets.

    Names, clients and services are kept as hashes, because they are joined by the million.
    """

    def __init__(self, *, max_meetings: int = MAX_MEETINGS) -> None:
        self._max_meetings = max_meetings
        self._meetings = pl.DataFrame(schema=_MEETING)
        #: hash to name of the services met
        self._apps = pl.DataFrame(schema={"app": pl.UInt64, "near_app": pl.String})
        #: names that hit in an open bucket: they are not unknown there
        self._known = pl.DataFrame(schema={"bucket": TIME, "name": pl.UInt64})
        self._visits = _slots(pl.DataFrame(schema=_EVENT | {"host": pl.UInt64}), "host")
        self._uses = _slots(pl.DataFrame(schema=_EVENT | {"app": pl.UInt64}), "app")
        self._clock: datetime | None = None

    def add(self, observations: pl.DataFrame, hits: pl.DataFrame) -> None:
        """Count the names in `observations` that are near one of `hits`, which are the rows of them that
        matched.

        Both need the columns host, client and seen_at; `hits` also app and role. Hits with role `embedded` do
        not count: such hosts also serve other things.
        """
        known = hits.filter(pl.col("role") != "embedded").select("client", "seen_at", "app")
        names = known.select("app", near_app="app").unique().with_columns(pl.col("app").hash())
        self._apps = pl.concat([self._apps, names]).unique()
        self._known = pl.concat([self._known, _names_of(hits)]).unique()
        uses = pl.concat([self._uses, _slots(_hashed(known), "app")])
        beside = _beside(uses)
        self._clock = later(self._clock, observations["seen_at"].max())
        complete_until = pl.lit(self._clock, dtype=TIME) - 3 * WITHIN
        # A visit may be near a later use, whichever client it is of.
        with_use = beside["place"].unique().implode()
        near = observations.select(pl.col("client").hash(), "seen_at", slot=_slot()).select(
            (_mixed("client", "slot").is_in(with_use) | (pl.col("seen_at") > complete_until)).fill_null(False)
        )
        rows = _hashed(observations.select("client", "seen_at", "host").filter(near.to_series()))
        visits = pl.concat([self._visits, _slots(rows, "host")])
        is_complete = (pl.col("slot") <= complete_until).fill_null(False)
        self._meet(visits.filter(is_complete), beside)
        self._visits = visits.filter(~is_complete)
        self._uses = uses.filter((pl.col("slot") > complete_until - WITHIN).fill_null(True))

    def label(self, over: pl.DataFrame) -> pl.DataFrame:
        """`over` (rows of buckets that are over) with near_app, the service most clients were near, and
        near_clients."""
        is_over = pl.col("bucket").is_in(over["bucket"].unique().implode())
        self._meet(self._visits.filter(is_over), _beside(self._uses))  # these buckets are complete
        self._visits = self._visits.filter(~is_over)
        known, self._known = self._known.filter(is_over), self._known.filter(~is_over)
        if self._meetings.is_empty():
            return over.with_columns(near_clients=pl.lit(None, pl.Int64), near_app=pl.lit(None, pl.String))
        asked = over.with_columns(name=_name(pl.col("host").hash()))
        is_asked = is_over & pl.col("name").is_in(asked["name"].implode())
        counted = (
            self._meetings.filter(is_asked, ~pl.col("name").is_in(known["name"].implode()))
            .group_by(_mixed("name", "app").alias("pair"))
            .agg(pl.col("name", "app").first(), near_clients=pl.len().cast(pl.Int64))
            .join(self._apps, on="app")
            .sort(["near_clients", "near_app"], descending=[True, False])
            .unique("name", keep="first", maintain_order=True)
            .drop("app", "pair")
        )
        self._meetings = self._meetings.filter(~is_asked)
        return asked.join(counted, on="name", how="left", maintain_order="left").drop("name")

    def _meet(self, visits: pl.DataFrame, beside: pl.DataFrame) -> None:
        """Remember who met: two stretches in one slot, or in neighbouring ones with little between them."""
        if self._meetings.height >= self._max_meetings:
            return
        since_last, until_next = pl.col("first") - pl.col("to"), pl.col("from_") - pl.col("last")
        is_near = pl.col("same") | (since_last <= WITHIN) | (until_next <= WITHIN)
        meetings = (
            visits.join(beside.drop("client", "slot"), on="place")
            .filter(is_near.fill_null(False))
            .select("bucket", "app", name=_name(pl.col("host")), client="client")
            .filter(~pl.col("name").is_in(self._known["name"].implode()))
            .select("bucket", "name", "app", key=_mixed("name", "client", "app"))
        )
        new = meetings.filter(
            pl.col("key").is_first_distinct() & ~pl.col("key").is_in(self._meetings["key"].implode())
        )
        room = self._max_meetings - self._meetings.height
        if new.height > room:
            new = new.sort(list(_MEETING)).head(room)
        self._meetings = pl.concat([self._meetings, new])


def _beside(uses: pl.DataFrame) -> pl.DataFrame:
    """What each client used in a slot (`same`), until when in the one before (`to`), and from when in the
    one after (`from_`): client, slot, their `place`, app and these, for at most `MAX_SERVICES` of a slot."""
    steps = [
        uses.select("client", "app", slot=pl.col("slot") + step * WITHIN, same=pl.lit(step == 0),
                    to=pl.col("last") if step == 1 else pl.lit(None, TIME),
                    from_=pl.col("first") if step == -1 else pl.lit(None, TIME))
        for step in (0, 1, -1)
    ]  # fmt: skip
    return (
        pl.concat(steps)
        .with_columns(place=_mixed("client", "slot"))
        .group_by(_mixed("place", "app").alias("key"))
        .agg(
            pl.col("client", "slot", "place", "app").first(),
            pl.col("same").any(),
            pl.col("to").max(),
            pl.col("from_").min(),
        )
        .drop("key")
        .sort("same", "app", descending=[True, False])
        .filter(pl.int_range(pl.len()).over("place") < MAX_SERVICES)
    )


def _names_of(hits: pl.DataFrame) -> pl.DataFrame:
    """Bucket and name of each host in `hits`."""
    bucket = pl.col("seen_at").dt.truncate(BUCKET).cast(TIME)
    hosts = hits.select(bucket.alias("bucket"), "host").drop_nulls().unique()
    return hosts.select("bucket", name=_name(pl.col("host").hash()))


def _hashed(events: pl.DataFrame) -> pl.DataFrame:
    """`events` with hashes for its texts, without those that lack one."""
    texts = [name for name in _TEXTS if name in events.columns]
    return events.drop_nulls([*texts, "seen_at"]).with_columns(pl.col(name).hash() for name in texts)


def _mixed(*columns: str) -> pl.Expr:
    """One number of several hashes and a slot: the group of one column is found in half the time."""
    key = pl.lit(0, dtype=pl.UInt64)
    for column in columns:
        key = key * _SPREAD + pl.col(column).cast(pl.Int64 if column == "slot" else pl.UInt64).cast(pl.UInt64)
    return key


def _name(host: pl.Expr) -> pl.Expr:
    """One number of a bucket and a host's hash."""
    return host ^ (pl.col("bucket").cast(pl.Int64).cast(pl.UInt64) * _SPREAD)


def _slot() -> pl.Expr:
    return pl.col("seen_at").dt.truncate(_SLOT).cast(TIME)


def _slots(rows: pl.DataFrame, what: str) -> pl.DataFrame:
    """First and last moment of each client and `what` (hashes) in each half minute, with the bucket it
    lies in."""
    return (
        rows.with_columns(slot=_slot())
        .group_by(_mixed("client", "slot", what).alias("key"))
        .agg(
            pl.col("client", what, "slot").first(),
            first=pl.col("seen_at").min(),
            last=pl.col("seen_at").max(),
        )
        .with_columns(bucket=pl.col("slot").dt.truncate(BUCKET).cast(TIME))
        .select("client", what, "slot", "bucket", "first", "last", place=_mixed("client", "slot"))
    )
