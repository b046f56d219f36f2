"""Which names are asked for by clients that use a known AI service within the same half minute. Pure.

State goes in and comes out, like the other counts over all names (`rollup`): a bucket's figures do not
depend on where batches were cut. Clients are kept as hashes, and only until their bucket is over.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor.match.rollup import BUCKET
from sensor.schema import TIME

#: Two events of one client this far apart or less belong together.
WITHIN = timedelta(seconds=30)
#: Meetings of (bucket, host, client, service) kept; about 50 bytes each. What is more is not counted.
MAX_MEETINGS = 1_000_000

_SLOT = "30s"
_MEETING = ("bucket", "host", "client", "app")


class Near:
    """Meetings of unknown names with known services in open buckets, and the events of the last minute."""

    def __init__(self, *, max_meetings: int = MAX_MEETINGS) -> None:
        self._max_meetings = max_meetings
        self._meetings = pl.DataFrame(schema=dict(zip(_MEETING, _DTYPES, strict=True)))
        self._visits: pl.DataFrame | None = None
        self._uses: pl.DataFrame | None = None

    def add(self, observations: pl.DataFrame, hits: pl.DataFrame) -> None:
        """Count the names in `observations` (host, client, seen_at) that are near one of their `hits`
        (the same, app and role). Hosts that also serve other things are no sign of AI."""
        known = hits.filter(pl.col("role") != "embedded").drop_nulls(["client", "seen_at"])
        uses = _slots(known.select("client", "seen_at", "app"), "app")
        if self._uses is not None:
            uses = pl.concat([self._uses, uses])
        clients = uses["client"].unique().implode()
        unknown = observations.filter(
            pl.col("host").is_not_null(), ~pl.col("host").is_in(hits["host"].unique().implode())
        ).drop_nulls(["client", "seen_at"])
        visits = _slots(unknown.select("client", "seen_at", "host"), "host")
        if self._visits is not None:
            visits = pl.concat([self._visits, visits])
        self._meet(visits.filter(pl.col("client").is_in(clients)), uses)
        newest = visits["last"].max() if visits.height else uses["last"].max()
        recent = pl.col("slot") >= pl.lit(newest, dtype=TIME) - 2 * WITHIN
        self._visits, self._uses = visits.filter(recent), uses.filter(recent)

    def take(self, over: pl.DataFrame) -> pl.DataFrame:
        """`over` (bucket, host …) with near_app, the service most clients were near, and near_clients."""
        key = ["bucket", "host"]
        counted = (
            self._meetings.join(over.select(key), on=key, how="semi")
            .group_by(*key, near_app="app")
            .agg(near_clients=pl.col("client").n_unique().cast(pl.Int64))
            .sort(["near_clients", "near_app"], descending=[True, False])
            .unique(key, keep="first", maintain_order=True)
        )
        self._meetings = self._meetings.join(over.select(key), on=key, how="anti")
        return over.join(counted, on=key, how="left", maintain_order="left")

    def _meet(self, visits: pl.DataFrame, uses: pl.DataFrame) -> None:
        """Remember who met: in one slot always, in slots side by side where the nearest moments are near."""
        met = []
        for step in (-1, 0, 1):
            beside = uses.select(
                "client", "app", slot=pl.col("slot") - step * WITHIN, from_="first", to="last"
            )
            pairs = visits.join(beside, on=["client", "slot"])
            gap = {
                -1: pl.col("first") - pl.col("to"),
                0: pl.lit(timedelta(0)),
                1: pl.col("from_") - pl.col("last"),
            }[step]
            met.append(pairs.filter(gap <= WITHIN).select(_MEETING))
        fresh = pl.concat([self._meetings, *met]).unique(maintain_order=True)
        self._meetings = fresh.head(self._max_meetings)


_DTYPES = (TIME, pl.String(), pl.UInt64(), pl.String())


def _slots(events: pl.DataFrame, what: str) -> pl.DataFrame:
    """First and last moment of each client and `what` in each half minute, with the bucket it lies in."""
    return (
        events.with_columns(
            pl.col("client").hash(),
            slot=pl.col("seen_at").dt.truncate(_SLOT).cast(TIME),
            bucket=pl.col("seen_at").dt.truncate(BUCKET).cast(TIME),
        )
        .group_by("client", what, "slot", "bucket")
        .agg(first=pl.col("seen_at").min(), last=pl.col("seen_at").max())
        .sort("slot", "client", what)
        .select("client", what, "slot", "bucket", "first", "last")
    )
