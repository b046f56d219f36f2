"""Numbers equal rows, so that two equal log lines get different ids, and the same line read again the same
id."""

from __future__ import annotations

import polars as pl

from sensor.match.rollup import of_input
from sensor.schema import TIME

#: how long row hashes are kept
_WITHIN = pl.duration(hours=1)
#: number of row hashes that is kept at least (the newest); a repetition of an evicted row counts as the first
_MAX_KEPT = 2_000_000


class Repeats:
    """Counts equal rows across batches."""

    def __init__(self) -> None:
        #: how often a row came in one batch; equal rows have equal times
        self._known = pl.DataFrame(schema={"row": pl.UInt64, "seen_at": TIME, "count": pl.UInt32})

    def number(self, rows: pl.DataFrame) -> pl.Series:
        """For each of `rows` (input, identity, seen_at), how many equal rows of its input came before it.

        As a String.
        """
        rows = rows.select("seen_at", row=of_input("identity"))
        within = rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).over("row")).to_series()
        counts = rows.group_by("row").agg(pl.col("seen_at").first(), count=pl.len().cast(pl.UInt32))
        # Of what may be millions, only the rows that are repeated are looked at closely.
        seen = self._known.join(counts, on="row", how="semi").group_by("row").agg(pl.col("count").sum())
        before = rows.join(seen, on="row", how="left", maintain_order="left")["count"]
        self._keep(counts.select(self._known.columns))
        return (within + before.fill_null(0)).cast(pl.String).alias("nth")

    def _keep(self, counts: pl.DataFrame) -> None:
        newest = counts["seen_at"].max()
        if newest is None:
            return
        known = self._known.filter(pl.col("seen_at") > pl.lit(newest, dtype=TIME) - _WITHIN)
        self._known = pl.concat([known, counts], rechunk=True)
        if self._known.height > _MAX_KEPT * 1.25:  # not each time: it takes longer than all the rest
            self._known = self._known.top_k(_MAX_KEPT, by="seen_at")
