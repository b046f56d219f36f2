"""Numbers equal rows, so that two equal log lines get different ids, and the same line read again the same
id."""

from __future__ import annotations

import polars as pl

from sensor.match.rollup import of_input
from sensor.schema import TIME

#: how long row hashes are kept
_WITHIN = pl.duration(hours=1)
#: maximum number of row hashes (the newest); a repetition of an evicted row counts as the first
_MAX_KEPT = 2_000_000


class Repeats:
    """Counts equal rows across batches."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema={"row": pl.UInt64, "seen_at": TIME, "count": pl.UInt32})

    def number(self, rows: pl.DataFrame) -> pl.Series:
        """For each of `rows` (input, identity, seen_at), how many equal rows of its input came before it.

        As a String.
        """
        rows = rows.select("seen_at", row=of_input("identity"))
        before = rows.join(self._known.drop("seen_at"), on="row", how="left", maintain_order="left")["count"]
        within = rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).over("row")).to_series()
        newest = rows["seen_at"].max()
        if newest is not None:
            counts = rows.group_by("row").agg(pl.col("seen_at").first(), count=pl.len().cast(pl.UInt32))
            self._known = (
                pl.concat([self._known, counts.select(self._known.columns)])
                .group_by("row")
                .agg(pl.col("seen_at").first(), pl.col("count").sum())
                .filter(pl.col("seen_at") > pl.lit(newest, dtype=TIME) - _WITHIN)
                .top_k(_MAX_KEPT, by="seen_at")
            )
        return (within + before.fill_null(0)).cast(pl.String).alias("nth")
