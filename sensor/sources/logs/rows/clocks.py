"""Compares the times that lines carry themselves with those at which others received them."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from sensor.sources.logs.text import stamps

#: Zones lie whole quarters of an hour apart, and at most so many (UTC+14).
_QUARTER_S, _MOST_QUARTERS = 900, 14 * 4
#: So soon after it was written a line is received. What so many of so many lines have in common is no chance.
_RECEIVED_WITHIN_S = 60
_ENOUGH_LINES, _SHARE = 10, 2 / 3
#: More lines than that are not compared.
_MOST_LINES = 1_000
#: Stamps that are other times in this zone have no offset of their own.
_ELSEWHERE = "Etc/GMT+11"


def apart(read: pl.DataFrame, lines: pl.DataFrame) -> timedelta | None:
    """By how much the times of rows `read` are later than the stamps, with an offset, in the envelopes of
    their `lines`: whole quarters of an hour, as between zones; None if too few lines have an envelope."""
    read = read.head(_MOST_LINES)
    envelope = lines["stamp"].gather(read["row"])
    if len(envelope) - envelope.null_count() < _ENOUGH_LINES:
        return None
    received = stamps.read(envelope)
    is_sure = received == stamps.read(envelope, _ELSEWHERE)
    lasted = pl.duration(microseconds=(pl.col("duration_s").fill_null(0) * 1_000_000).round().cast(pl.Int64))
    written = read.select(pl.col("seen_at") + lasted).to_series()
    later = (written - received).filter(is_sure & written.is_not_null()).dt.total_seconds()
    if len(later) < _ENOUGH_LINES:
        return timedelta()
    quarters = pl.select((pl.lit(later) / _QUARTER_S).round().cast(pl.Int64)).to_series()
    most = int(quarters.mode().sort()[0])
    near = (later - most * _QUARTER_S).abs() <= _RECEIVED_WITHIN_S
    agree = near.sum() >= _SHARE * len(later) and abs(most) <= _MOST_QUARTERS
    return timedelta(seconds=most * _QUARTER_S) if agree else timedelta()
