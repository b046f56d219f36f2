"""What one input gave, in counts; the command line prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

#: Columns of `coverage` that count what log records carried.
CARRIED = (
    *("used", "with_time", "with_user", "with_host", "with_path", "with_bytes_up", "with_bytes_down"),
    "with_action",
)
#: About as many rows of `Summary.received` are kept, and of so many clients of each source.
_MOST_REMEMBERED, _MOST_CLIENTS = 2_000, 30


@dataclass
class Summary:
    """Counts of what one input gave."""

    name: str
    #: name of the source that read it
    source: str
    packets: int = 0
    records: int = 0
    sightings: int = 0
    #: records and connections with a name
    named: int = 0
    apps: Counter[str] = field(default_factory=Counter)
    #: records by kind of source; several where a log mixes lines of several formats
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    #: reason of a reject → place in the input where it first occurred
    places: dict[str, str | None] = field(default_factory=dict)
    #: sums of the columns `CARRIED` of coverage
    carried: Counter[str] = field(default_factory=Counter)
    #: kinds of source of which any record gave upload bytes
    sized: set[str] = field(default_factory=set)
    #: matched connections of clients known by address only; those of them with a public address
    addressed: int = 0
    outside: int = 0
    #: most services that one of these clients, but for declared proxies, used on a day (UTC)
    busiest: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    #: kind of source → by how much the times of its lines are later than those of their envelopes
    apart: dict[str, timedelta] = field(default_factory=dict)
    #: bytes received by source, client, host and day, as far as they are remembered
    received: list[pl.DataFrame] = field(default_factory=list, compare=False)

    @classmethod
    def together(cls, some: Sequence[Summary]) -> Summary:
        """The counts of several inputs; of the reasons of rejects, `places` also names the input."""
        first = some[0]
        name = first.name if len(some) == 1 else f"{first.name} and {len(some) - 1:,} more"
        whole = cls(name, first.source)
        for one in some:
            whole.packets += one.packets
            whole.records += one.records
            whole.sightings += one.sightings
            whole.named += one.named
            for total, counts in (
                (whole.apps, one.apps), (whole.kinds, one.kinds), (whole.reasons, one.reasons),
                (whole.carried, one.carried),
            ):  # fmt: skip
                total.update(counts)
            whole.sized |= one.sized
            whole.addressed += one.addressed
            whole.outside += one.outside
            whole.busiest = max(whole.busiest, one.busiest)
            for reason, place in one.places.items():
                whole.places.setdefault(reason, place and f"{place} of {one.name}")
            whole.first_seen = min(filter(None, (whole.first_seen, one.first_seen)), default=None)
            whole.last_seen = max(filter(None, (whole.last_seen, one.last_seen)), default=None)
        return whole

    def count(self, frames: dict[str, pl.DataFrame]) -> None:
        """Add the tables of one commit."""
        coverage, sightings = frames["coverage"], frames["sightings"]
        self.packets += int(coverage.get_column("packets").sum() or 0)
        self.records += int(coverage.get_column("records").sum() or 0)
        self.kinds.update(dict(coverage.group_by("source").agg(pl.col("records").sum()).iter_rows()))
        self.sightings += sightings.height
        self.named += sum(int(coverage.get_column(name).sum() or 0) for name in ("with_host", "named_flows"))
        for name in CARRIED:
            self.carried[name] += int(coverage.get_column(name).sum() or 0)
        for frame, name in ((coverage, "with_bytes_up"), (sightings, "bytes_up")):
            self.sized.update(frame.filter(pl.col(name) > 0).get_column("source"))
        addressed = sightings.filter(pl.col("user_name").is_null(), pl.col("device").is_null())
        outside = addressed.filter(pl.col("client_scope") == "external")
        self.addressed += int(addressed.get_column("connections").sum() or 0)
        self.outside += int(outside.get_column("connections").sum() or 0)
        unproxied = pl.col("client").is_not_null() & (pl.col("client_scope") != "proxy")
        used = addressed.filter(unproxied, pl.col("role") == "use", pl.col("grade") > 2)  # data was exchanged
        by_day = used.group_by("client", pl.col("seen_at").dt.date()).agg(pl.col("app").n_unique())
        self.busiest = max([self.busiest, *by_day.get_column("app")])
        self.apps.update(dict(sightings.get_column("app").value_counts().iter_rows()))
        for reason, count, place in frames["rejects"].select("reason", "count", "place").iter_rows():
            self.reasons[reason] += count or 0
            self.places.setdefault(reason, place)
        if sum(part.height for part in self.received) < _MOST_REMEMBERED:
            self.received.append(_received(sightings))
        for moment in coverage.get_column("first_seen").drop_nulls():
            self.first_seen = min(self.first_seen or moment, moment)
        for moment in coverage.get_column("last_seen").drop_nulls():
            self.last_seen = max(self.last_seen or moment, moment)


def _received(sightings: pl.DataFrame) -> pl.DataFrame:
    """The rows of `Summary.received`: of `sightings` less lookups and what declared proxies got.

    A proxy got more than most clients of a firewall: so of each source the clients that got most will do, and
    of a proxy the others together, without a client.
    """
    got = sightings.filter(
        pl.col("client").is_not_null(),
        pl.col("client_scope").ne_missing("proxy"),
        pl.col("kind") != "dns",
        pl.col("bytes_down") > 0,
    ).with_columns(
        is_proxied=pl.col("kind") == "proxy",
        is_named=pl.col("user_name").is_not_null(),
        day=pl.col("seen_at").dt.date(),
        most=pl.col("bytes_down")
        .sum()
        .over("source", "client")
        .rank("dense", descending=True)
        .over("source"),
    )
    told = pl.when(pl.col("most") <= _MOST_CLIENTS).then("client").alias("client")
    return (
        got.group_by("source", "is_proxied", "is_named", told, "host", "day")
        .agg(pl.col("bytes_down").sum(), pl.len().alias("rows"))
        .filter(pl.col("client").is_not_null() | pl.col("is_proxied"))
    )
