"""What every log source owes besides observations: coverage minutes and reject rows.

A line of a log is used, set aside on purpose (a password challenge, a reverse lookup) or rejected
(it could not be read). All three are counted: `coverage.records` counts every line,
`coverage.rejected` the unreadable ones, and `rejects` holds one row per reason for both the
rejected and the set-aside lines, with the shape of the first one.
"""

from __future__ import annotations

import polars as pl

from sensor import schema
from sensor.sources.lines import SHAPE_CHARS, Block, shape

#: Columns a source hands over, one row per line of text.
RECORD = {
    "at": schema.TIME,  # time the line itself carries; NULL if unreadable
    "offset": pl.Int64,  # its first byte
    "bytes": pl.Int64,  # its length with the line end
    "reason": pl.String,  # why it is not an observation; NULL if it is
    "rejected": pl.Boolean,  # it could not be read (False for set aside on purpose)
    "line": pl.String,  # the text, where `reason` is set
}
#: Times outside are not times: a broken clock or a hostile line.
EARLIEST_S, LATEST_S = 0, 4_102_444_800


def coverage(records: pl.DataFrame, *extra: pl.Expr) -> pl.DataFrame:
    """Minutes of `records`; a line without a time counts in the minute of the line before it.

    `extra` are aggregations a source adds (flows, named_flows …). Lines of a block without a
    single readable time have no minute: they are in `rejects` only.
    """
    timed = records.with_columns(at=pl.col("at").forward_fill().backward_fill()).drop_nulls("at")
    return (
        timed.group_by(minute=pl.col("at").dt.truncate("1m"))
        .agg(
            pl.col("bytes").sum(),
            pl.len().cast(pl.Int64).alias("records"),
            pl.col("rejected").sum().cast(pl.Int64),
            pl.col("at").min().alias("first_seen"),
            pl.col("at").max().alias("last_seen"),
            *extra,
        )
        .sort("minute")
    )


def rejects(records: pl.DataFrame, block: Block | None = None) -> pl.DataFrame:
    """Rows of table `rejects`: one per reason, plus what `block` itself could not deliver.

    `rejected_at` is the last time read so far in the block: sources ask no clock.
    """
    at = records.get_column("at").max()
    rows = (
        records.filter(pl.col("reason").is_not_null())
        .group_by("reason", maintain_order=True)
        .agg(
            pl.col("offset").first(),
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("line").first().str.head(SHAPE_CHARS),
        )
        .with_columns(pl.format("byte {}", "offset").alias("place"))
    )
    shapes = pl.Series("shape", [shape(line or "") for line in rows["line"]], dtype=pl.String)
    found = pl.concat(
        [rows.with_columns(shapes).select("place", "reason", "count", "shape"), _of_block(block)]
    )
    return found.with_columns(rejected_at=pl.lit(at, dtype=schema.TIME))


def _of_block(block: Block | None) -> pl.DataFrame:
    """Reject rows for a line too long to keep and for a stream that ended early."""
    rows: list[tuple[str, str, int, str | None]] = []
    if block is not None and block.overlong is not None:
        sample = shape(block.overlong.decode("utf-8", "replace"))
        rows.append((f"byte {block.end}", "line too long", 1, sample))
    if block is not None and block.fault is not None:
        rows.append((f"byte {block.end}", block.fault, 1, None))
    schema_ = {"place": pl.String, "reason": pl.String, "count": pl.Int64, "shape": pl.String}
    return pl.DataFrame(rows, schema=schema_, orient="row")


def epoch(column: pl.Series) -> pl.Expr:
    """Seconds since 1970 (DOUBLE) as a time, to the microsecond; NULL outside 1970 to 2100."""
    seconds = pl.lit(column)
    valid = seconds.is_between(EARLIEST_S, LATEST_S)
    micros = (pl.when(valid).then(seconds) * 1_000_000).round().cast(pl.Int64, strict=False)
    return pl.from_epoch(micros, time_unit="us").dt.replace_time_zone("UTC")
