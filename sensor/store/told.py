"""Keeps repetitions out of the lake: files about people say nearly the same in each scan, and only news is
stored."""

from __future__ import annotations

import polars as pl

from sensor import schema
from sensor.store.lake import Lake

#: Looking at more segments would take longer than storing the rows again.
_MOST_WAITING = 100


class Told:
    """The rows that a lake holds, as compaction would compare others with them (`compaction._settle`)."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def news(self, table: schema.Table, rows: pl.DataFrame) -> pl.DataFrame:
        """The `rows` of each key for which they have anything that the lake does not hold."""
        try:
            held = self._held(table, rows)
        except (OSError, pl.exceptions.PolarsError):  # deleted in between; compaction reports damage
            return rows
        said = [name for name in table.dtypes if name != "landed_at"]
        differing = rows.join(held, on=said, how="anti", nulls_equal=True)
        return rows.join(differing, on=table.key, how="semi", nulls_equal=True, maintain_order="left")

    def _held(self, table: schema.Table, rows: pl.DataFrame) -> pl.DataFrame:
        """The latest compacted rows of the days of `rows`, without those that segments may have changed.

        Rows of segments are not among them, because a segment may yet be replaced by one of the same name.
        """
        manifest = self._lake.manifest()
        merged = manifest["compacted"].get(table.name, {})
        waiting = [
            segment
            for segment in self._lake.hot(table).glob("part=*/*.parquet")
            if segment.name not in merged.get(segment.parent.name.removeprefix("part="), ())
        ]
        if len(waiting) > _MOST_WAITING:
            return table.empty()
        cold = manifest["tables"].get(table.name, {}).get("cold", {})
        days = rows[table.time or ""].dt.strftime("%Y-%m-%d").unique()
        told = [self._lake.path / file for day in days for file in cold.get(day, ())]
        held, changed = (
            pl.concat(
                [table.empty(), *(table.conform(pl.read_parquet(f, hive_partitioning=False)) for f in files)]
            )
            for files in (told, waiting)
        )
        latest = held.unique(table.key, keep="last", maintain_order=True)
        return latest.join(changed, on=table.key, how="anti", nulls_equal=True)
