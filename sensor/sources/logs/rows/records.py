"""Makes the rows of `coverage` and `rejects` that every log source yields besides observations.

A line of a log is used, set aside on purpose (a password challenge, a reverse lookup), or rejected (it cannot
be read). All are counted: `coverage.records` counts all lines, `coverage.rejected` those that cannot be read,
and `rejects` has a row per reason for lines set aside or rejected, with the shape of the first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from sensor import schema
from sensor.sources.logs.lines.blocks import SHAPE_CHARS, Block, shape

#: Columns a source hands over, one row per line of text.
RECORD: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": schema.TIME,  # time the line itself carries; NULL if unreadable
    "offset": pl.Int64,  # its first byte
    "bytes": pl.Int64,  # its length with the line end
    "reason": pl.String,  # why it is not an observation; NULL if it is
    "rejected": pl.Boolean,  # it could not be read (False for set aside on purpose)
    "line": pl.String,  # the text, where `reason` is set
}
_REJECT = {"place": pl.String, "reason": pl.String, "count": pl.Int64, "shape": pl.String}
#: Times outside are not times: a broken clock or a hostile line.
EARLIEST_S, LATEST_S = 0, 4_102_444_800
#: Nothing lasts longer than a year.
LONGEST_S = 366 * 86_400


def coverage(records: pl.DataFrame) -> pl.DataFrame:
    """The rows of `coverage` for `records`, one per minute. A line without a time counts in the minute before
    it.

    If no line of a block has a readable time, its lines only count in `rejects`.
    """
    timed = _counted(records).with_columns(at=pl.col("at").forward_fill().backward_fill()).drop_nulls("at")
    return (
        timed.group_by(minute=pl.col("at").dt.truncate("1m"))
        .agg(
            pl.col("bytes").sum(),
            pl.col("count").sum().alias("records"),
            pl.col("count").filter("rejected").sum().alias("rejected"),
            pl.col("at").min().alias("first_seen"),
            pl.col("at").max().alias("last_seen"),
        )
        .sort("minute")
    )


def sampled(read: pl.DataFrame, block: Block) -> pl.DataFrame:
    """`read` with the text of the first line of each reason, for blocks whose lines were not kept."""
    firsts = read.with_row_index("place").drop_nulls("reason").unique("reason", keep="first")
    firsts = firsts.filter(pl.col("line").is_null())
    if firsts.is_empty():
        return read
    begins = firsts["offset"] - block.start
    texts = [
        block.text[begin : begin + size].decode("utf-8", "replace").rstrip("\n").rstrip(" ")
        for begin, size in zip(begins, firsts["bytes"], strict=True)
    ]
    return read.with_columns(read["line"].scatter(firsts["place"], pl.Series(texts, dtype=pl.String)))


def complete(
    records: pl.DataFrame, block: Block, lost: Iterable[tuple[datetime | None, str, int]] = ()
) -> pl.DataFrame:
    """`records` of a block, with rejected ones added for a line that was too long to keep, and for what was
    lost: by the block, and (time, reason, count) by what the log says itself.

    A row of what was lost stands for several records; column `count` says how many.
    """
    more: list[tuple[datetime | None, int, int, str, bool, str | None, int]] = []
    if block.overlong is not None:
        size = block.end - block.start - len(block.text)
        sample = block.overlong.decode("utf-8", "replace")
        more.append((None, block.end - size, size, "line too long", True, sample, 1))
    told = [(None, *one) for one in block.lost.items()]
    more += [(at, block.end, 0, reason, True, None, count) for at, reason, count in (*told, *lost)]
    if not more:
        return records
    added = pl.DataFrame(more, schema=RECORD | {"count": pl.Int64}, orient="row")
    return pl.concat([_counted(records).select(added.columns), added])


def _counted(records: pl.DataFrame) -> pl.DataFrame:
    if "count" in records.columns:
        return records
    return records.with_columns(count=pl.lit(1, dtype=pl.Int64))


def rejects(records: pl.DataFrame, block: Block) -> pl.DataFrame:
    """The rows of `rejects` for a block: one per reason, and one for a stream that ended early.

    `rejected_at` is the latest time read in the block, because sources do not ask the clock; NULL if no line
    has a readable time.
    """
    at = records.get_column("at").max()
    rows = (
        _counted(records)
        .filter(pl.col("reason").is_not_null())
        .group_by("reason", maintain_order=True)
        .agg(
            pl.col("offset").first(),
            pl.col("count").sum(),
            pl.col("line").first().str.head(SHAPE_CHARS),
        )
        .with_columns(pl.format("byte {}", "offset").alias("place"))
    )
    shapes = pl.Series("shape", [shape(line or "") for line in rows["line"]], dtype=pl.String)
    found = rows.with_columns(shapes).select(*_REJECT)
    if block.fault is not None:
        fault = pl.DataFrame([(f"byte {block.end}", block.fault, 1, None)], schema=_REJECT, orient="row")
        found = pl.concat([found, fault])
    return found.with_columns(rejected_at=pl.lit(at, dtype=schema.TIME))


def epoch(column: pl.Series) -> pl.Expr:
    """The time for a number of seconds since 1970 (Float64), to the microsecond; NULL outside 1970 to
    2100."""
    seconds = pl.lit(column)
    valid = seconds.is_between(EARLIEST_S, LATEST_S)
    micros = (pl.when(valid).then(seconds) * 1_000_000).round().cast(pl.Int64, strict=False)
    return pl.from_epoch(micros, time_unit="us").dt.replace_time_zone("UTC")


def seconds(text: pl.Expr) -> pl.Expr:
    """A duration in seconds, to the microsecond; NULL if it is no number, negative, or more than a year."""
    # Milliseconds divided by a thousand are 3.3970000000000002.
    number = text.cast(pl.Float64, strict=False).round(6)
    return pl.when(number.is_between(0, LONGEST_S)).then(number)
