"""What is counted over all names, matched or not: the `names` table; and DNS lookups as bursts.

Pure: state goes in and comes out. A bucket is handed out once the input's clock has passed its
end, so that its figures do not depend on where batches were cut.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor.schema import TIME

BUCKET = "15m"
#: how far behind the newest row a row may still arrive and join its bucket
LATE = timedelta(minutes=10)
#: zones that are not browsing: reverse lookups and link-local discovery
NOT_NAMES = (".in-addr.arpa", ".ip6.arpa", ".local")

_SUMS = ("lookups", "connections", "bytes_up", "bytes_down")
_KEY = ("bucket", "host")


class NamesRollup:
    """Sums observations by (15-minute bucket, host) and counts distinct clients; keeps no client."""

    def __init__(self) -> None:
        self._sums: pl.DataFrame | None = None
        #: (bucket, host, client) seen so far in open buckets; leaves memory with its bucket
        self._clients: pl.DataFrame | None = None

    def add(self, observations: pl.DataFrame, is_name: pl.Expr) -> None:
        """Count a batch of observations (host String NULL-able, seen_at, kind, bytes, client)."""
        rows = observations.filter(pl.col("host").is_not_null() & is_name).with_columns(
            pl.col("seen_at").dt.truncate(BUCKET).cast(TIME).alias("bucket")
        )
        if rows.is_empty():
            return
        sums = rows.group_by(_KEY).agg(
            (pl.col("kind") == "dns").sum().cast(pl.Int64).alias("lookups"),
            ((pl.col("kind") != "dns") & (pl.col("slice").fill_null(0) == 0))
            .sum()
            .cast(pl.Int64)
            .alias("connections"),
            *(_known_sum(name) for name in ("bytes_up", "bytes_down")),
            pl.col("cname").drop_nulls().max(),
            pl.col("client_class").drop_nulls().max(),
            pl.col("seen_at").min().alias("first_seen"),
            pl.col("seen_at").max().alias("last_seen"),
        )
        clients = rows.select(*_KEY, pl.col("client").hash().alias("client")).unique()
        self._sums = _merge(self._sums, sums)
        self._clients = clients if self._clients is None else pl.concat([self._clients, clients]).unique()

    def take(self, *, all_of_it: bool = False) -> pl.DataFrame:
        """The buckets that are over (or all of them), as rows of `names` without its origin columns."""
        if self._sums is None or self._clients is None:
            return pl.DataFrame(schema={"bucket": TIME, "host": pl.String})
        newest = self._sums.get_column("last_seen").max()
        over = pl.lit(True) if all_of_it else pl.col("bucket").dt.offset_by(BUCKET) + LATE <= newest
        done, clients = self._sums.filter(over), self._clients.filter(over)
        self._sums, self._clients = self._sums.filter(~over), self._clients.filter(~over)
        counts = clients.group_by(_KEY).agg(pl.len().cast(pl.Int64).alias("clients"))
        return done.join(counts, on=_KEY, how="left").sort(_KEY)


def _known_sum(name: str) -> pl.Expr:
    """A sum that stays NULL where nothing was known."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def _merge(old: pl.DataFrame | None, new: pl.DataFrame) -> pl.DataFrame:
    if old is None or old.is_empty():
        return new
    both = pl.concat([old, new.select(old.columns)])
    return both.group_by(_KEY).agg(
        *(_known_sum(name) for name in _SUMS),
        pl.col("cname").drop_nulls().max(),
        pl.col("client_class").drop_nulls().max(),
        pl.col("first_seen").min(),
        pl.col("last_seen").max(),
    )


class LookupBursts:
    """Collapses DNS hits to one row a client, host, action and clock minute.

    One page view asks A, AAAA and HTTPS, search-suffix variants and retries; counting lines would
    inflate use 3 to 10 times. Rows of the newest minute wait for the next batch.
    """

    KEY = ("client", "host", "action", "minute")

    def __init__(self) -> None:
        self._open: pl.DataFrame | None = None

    def take(self, hits: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """`hits` with its DNS rows collapsed; `lookups` (Int64) is NULL on all other rows."""
        other = hits.filter(pl.col("kind") != "dns").with_columns(
            pl.lit(None, dtype=pl.Int64).alias("lookups")
        )
        dns = hits.filter(pl.col("kind") == "dns").with_columns(
            pl.col("seen_at").dt.truncate("1m").alias("minute"), pl.lit(1, dtype=pl.Int64).alias("lookups")
        )
        if self._open is not None:
            dns = pl.concat([self._open, dns.select(self._open.columns)])
        if dns.is_empty():
            return other
        bursts = self._collapse(dns)
        newest = bursts.get_column("minute").max()
        before = pl.lit(newest, dtype=TIME) - timedelta(minutes=1)
        ready = pl.lit(True) if last else pl.col("minute") < before
        self._open = None if last else bursts.filter(~ready)
        done = bursts.filter(ready).drop("minute").select(other.columns)
        return pl.concat([other, done]).sort("seen_at", maintain_order=True)

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
