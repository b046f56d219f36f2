"""Joins judged turns with the slices in which they ended."""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np
import polars as pl

from sensor.decode.kernels.strings import own
from sensor.decode.layout import MINUTE, Records
from sensor.decode.streaming.judge import judged, measured
from sensor.schema import STREAM_CLASSES

#: Columns of a slice, as in OBSERVATIONS; the figures are those of its most certain and longest stream.
COLUMNS: dict[str, pl.DataType] = {
    "stream_like": pl.String(),
    "judged_turns": pl.Int64(),
    "stream_turns": pl.Int64(),
    "stream_units": pl.Int64(),
    "stream_unit_bytes": pl.Int64(),
    "stream_spread": pl.Float64(),
    "stream_gap_ms": pl.Float64(),
}

_CLASSES = pl.Enum(STREAM_CLASSES)
_TURN: dict[str, pl.DataType] = {
    "serial": pl.Int64(),
    "ordinal": pl.Int64(),
    "stream_like": _CLASSES,
    "units": pl.Float64(),
    "unit_bytes": pl.Float64(),
    "spread": pl.Float64(),
    "gap_ms": pl.Float64(),
}


class Answers:
    """Holds judged turns until the slice in which they ended, which may come in a later batch."""

    def __init__(self) -> None:
        self._waiting = pl.DataFrame(schema=_TURN)

    def read(self, turns: Records, slices: Records) -> tuple[pl.DataFrame, pl.DataFrame]:
        """`COLUMNS` for each of `slices` (none if all would be NULL), and counts of `turns` by minute."""
        counts = _NO_COUNTS
        if turns.size:
            verdicts = judged(measured(turns)).with_columns(
                serial=pl.Series(own(turns["serial"])),
                ordinal=pl.Series(own(turns["ordinal"])),
                minute=pl.Series(own(turns["last"]) // MINUTE * MINUTE),
                last_seen=pl.Series(own(turns["last"])),
            )
            counts = _counts(verdicts)
            fresh = verdicts.filter("judged").select(pl.col(n).cast(t) for n, t in _TURN.items())
            self._waiting = pl.concat([self._waiting, fresh])
        if self._waiting.is_empty() or not slices.size:
            return pl.DataFrame(), counts
        return self._placed(slices), counts

    def _placed(self, slices: Records) -> pl.DataFrame:
        ends = pl.DataFrame(
            {"serial": own(slices["serial"]), "turns": own(slices["turns"]), "row": np.arange(slices.size)}
        ).sort("turns", "row")
        found = self._waiting.sort("ordinal").join_asof(
            ends, left_on="ordinal", right_on="turns", by="serial", strategy="forward", check_sortedness=False
        )
        self._waiting = found.filter(pl.col("row").is_null()).select(list(_TURN))
        judged = _summary(found.filter(pl.col("row").is_not_null()))
        rows = pl.DataFrame({"row": np.arange(slices.size)})
        return rows.join(judged, on="row", how="left", maintain_order="left").drop("row")


def _summary(turns: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` per slice."""
    streams = pl.col("stream_like") != STREAM_CLASSES[-1]
    order = ["stream_like", "units", "ordinal"]
    best = turns.sort(order, descending=[False, True, False]).group_by("row", maintain_order=True)

    def of_stream(name: str) -> pl.Expr:
        return pl.when(streams.first()).then(pl.col(name).first())

    return best.agg(
        stream_like=pl.col("stream_like").first().cast(pl.String),
        judged_turns=pl.len().cast(pl.Int64),
        stream_turns=streams.sum().cast(pl.Int64),
        stream_units=of_stream("units").cast(pl.Int64),
        stream_unit_bytes=of_stream("unit_bytes").cast(pl.Int64),
        stream_spread=of_stream("spread").round(4),
        stream_gap_ms=of_stream("gap_ms").round(1),
    )


def _counts(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Coverage counts of turns that were long enough, by the minute of their last unit."""
    return (
        verdicts.filter("long_enough")
        .group_by("minute")
        .agg(
            first_seen=pl.col("last_seen").min(),
            last_seen=pl.col("last_seen").max(),
            turns_judged=pl.col("judged").sum().cast(pl.Int64),
            turns_unjudged=(~pl.col("judged")).sum().cast(pl.Int64),
        )
    )


_NO_COUNTS = pl.DataFrame(
    schema=dict.fromkeys(("minute", "first_seen", "last_seen", "turns_judged", "turns_unjudged"), pl.Int64())
)
