"""Bursts of DNS lookups: what a client asks again and again within a minute is one row."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from sensor.match.rollup import lasted
from sensor.schema import TIME

#: maximum open bursts, about a kilobyte each; beyond it, half of them are returned
MAX_BURSTS = 500_000


class LookupBursts:
    """Collapses matched DNS queries to one row per input, client (address, account, device), host, action and
    minute, with the sum of `lookups`.

    Rows of the newest two minutes are held back until the next batch.
    """

    KEY = ("client", "user_name", "device", "host", "action", "minute", "input")

    def __init__(self, *, max_bursts: int = MAX_BURSTS) -> None:
        self._max_bursts = max_bursts
        self._open: pl.DataFrame | None = None

    def merge(self, hits: pl.DataFrame, *, newest: datetime | None, last: bool) -> pl.DataFrame:
        """`hits` with their DNS rows collapsed, and the rows held back before; `lookups` is NULL on other
        rows.

        `newest`: the newest time of the input so far (`newest_seen`); None if the batch was empty. With
        `last`, no rows are held back.
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
        ends = pl.col("seen_at") + lasted()
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
