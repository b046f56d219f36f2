"""What a line says, whatever its layout, as columns."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from sensor import schema
from sensor.sources.logs.rows import records

#: NULL where a layout has no such field or it is `-`.
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": schema.TIME,
    # where it may lack an offset, as written
    "time": pl.String,
    "elapsed_ms": pl.Int64,
    "client": pl.String,
    "client_port": pl.Int64,
    "user": pl.String,
    "method": pl.String,
    "url": pl.String,
    "status": pl.Int64,
    "result": pl.String,
    "hierarchy": pl.String,
    "peer": pl.String,
    # %>st, %<st: bytes that the client sent and got
    "up": pl.Int64,
    "down": pl.Int64,
    "sni": pl.String,
    "agent": pl.String,
    "bump": pl.String,
}

#: `1598040493.253`: ten digits from 2001 to 2286, a point, and the milliseconds (a bare `%ts` has none)
STAMP_CHARS = 14


def rows(lines: pl.DataFrame, read: pl.DataFrame, at: pl.Expr | pl.Series) -> pl.DataFrame:
    """`row` of `lines` and `COLUMNS` of what was `read` of them by name; without lines whose time is none."""
    dated = read.with_columns(lines["row"], at=at).filter(pl.col("at").is_not_null())
    return dated.select("row", *conformed({name: pl.col(name) for name in read.columns}))


def conformed(read: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    """`COLUMNS` of texts and the column `at`: `-` is NULL, numbers are numbers."""
    return [
        pl.col("at")
        if name == "at"
        else known(read.get(name, pl.lit(None, dtype=pl.String))).cast(dtype, strict=False).alias(name)
        for name, dtype in COLUMNS.items()
    ]


def stamp(text: pl.Expr) -> pl.Expr:
    """`1598040493.253` as a time; a DOUBLE holds it, to be rounded to the millisecond."""
    seconds = text.cast(pl.Float64, strict=False)
    plausible = seconds.is_between(0, records.LATEST_S)
    millis = (pl.when(plausible).then(seconds) * 1000).round().cast(pl.Int64)
    return pl.from_epoch(millis, time_unit="ms").cast(schema.TIME)


def known(text: pl.Expr) -> pl.Expr:
    """`text`, NULL where it is `-`."""
    return pl.when(text != "-").then(text)
