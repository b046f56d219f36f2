"""Judges whether an answer arrived token by token, as from a language model, by sizes and gaps only. Pure.

A turn is an upload and the answer until the next upload, in units: TLS records or QUIC datagrams
(`turns.py`). Units that were sent together form a chunk. Two families are known: one event per token (`A`,
and `A+` if the envelope of an event is much larger than the token, so that sizes hardly vary), and batches of
events (`B`), as a content filter releases them. Other line-by-line output looks the same: a log tail, or a
ticker at random times. So the result is "stream-like", never more; docs/detection-quality.md has the error
rates.

The content of an answer is never inferred. The sequence of sizes and gaps would reveal it (token lengths from
record sizes: Weiss et al., 2024; topics from both: Whisper Leak, arXiv 2511.03675), so only medians leave
this module.
"""

# NumPy's types have no names for the fields of records.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from sensor.decode.layout import SECOND, Records
from sensor.decode.streaming.turns import (
    BINS,
    CHUNK_US,
    ENDLESS,
    GAP_STEP,
    MIN_CHUNKS,
    MIN_US,
    TOO_FAST,
    UNFINISHED,
    UNITS,
)
from sensor.schema import STREAM_CLASSES

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Minimum chunks to judge an answer of single events.
MIN_EVENTS = 12
#: Maximum share of missed bytes of an answer.
MISSED = 0.1


@dataclass(frozen=True)
class Limits:
    """Thresholds of the rules: sizes in bytes, gaps in milliseconds, shares from 0 to 1."""

    gap_p95: float = 2000.0
    variation: float = 0.2  # minimum; below it a timer drives the output
    bytes_per_s: float = 150_000.0
    bytes_during: float = 0.25  # client bytes during the answer, relative to server bytes
    small: float = 0.4  # share of units below SMALL_BYTES
    # one event per token
    event_gap: tuple[float, float] = (4.0, 450.0)
    event_bytes: tuple[float, float] = (60.0, 1400.0)
    event_p90: float = 2200.0
    event_full: float = 0.25
    # … with a much larger envelope
    envelope_bytes: float = 200.0
    envelope_spread: float = 0.06
    # batches
    batch_units: float = 2.0  # minimum per chunk
    batch_gap: tuple[float, float] = (50.0, 600.0)
    batch_bytes: tuple[float, float] = (200.0, 4000.0)
    batch_p90: float = 8192.0
    batch_full: float = 0.35


LIMITS = Limits()


def measured(turns: Records) -> pl.DataFrame:
    """The features for the rules, one row per turn (`turns`: TURN records).

    `unit_bytes` (median), `spread` (median absolute deviation / median) and `full` use the first UNITS units
    only, because histogram bins, a fifth wide, are too coarse. The other quantiles use all units.
    """
    units = turns["units"].astype(np.float64)
    stored = np.minimum(turns["units"], UNITS)
    is_unit = np.arange(UNITS) < stored[:, None]
    sizes = (turns["unit"] & 0xFFFF).astype(np.float64)
    gaps = (turns["unit"] >> 16).astype(np.float64)
    is_gap = is_unit & (gaps > CHUNK_US)
    rest = turns["units"][:, None] > UNITS
    size_values, size_weights = _weighted_sample(sizes, is_unit, _bin_middles(1), turns["sizes"] * rest)
    gap_values, gap_weights = _weighted_sample(gaps, is_gap, _bin_middles(GAP_STEP), turns["gaps"] * rest)
    exact = is_unit.astype(np.float64)
    median = _quantile(sizes, exact, 0.5)
    deviation = _quantile(np.abs(sizes - median[:, None]), exact, 0.5)
    chunks = turns["chunks"].astype(np.float64)
    seconds = (turns["last"] - turns["first"]) / SECOND
    sent = np.maximum(turns["bytes"], 1).astype(np.float64)
    return pl.DataFrame(
        {
            "units": units,
            "chunks": chunks,
            "duration_s": seconds,
            "wait_s": (turns["first"] - turns["start"]) / SECOND,
            "unit_bytes": median,
            "unit_p90": _quantile(size_values, size_weights, 0.9),
            "spread": deviation / np.maximum(median, 1.0),
            "gap_ms": _quantile(gap_values, gap_weights, 0.5) / 1000,
            "gap_p95_ms": _quantile(gap_values, gap_weights, 0.95, spare=1.0) / 1000,
            "variation": _variation(gap_values, gap_weights),
            "bytes_per_s": sent / np.maximum(seconds, 0.001),
            "bytes_during": turns["bytes_during"] / sent,
            "small": turns["small"] / np.maximum(units, 1.0),
            "full": _full(sizes, is_unit),
            "missed": _missed(turns),
            "end": turns["end"].astype(np.int64),
        }
    )


def judged(numbers: pl.DataFrame, limits: Limits = LIMITS) -> pl.DataFrame:
    """`measured` rows with `long_enough`, `judged` (also complete, with its end seen) and `stream_like`: the
    class, `none` if it is no stream, NULL if not judged."""
    several = pl.col("units") >= limits.batch_units * pl.col("chunks")
    events = pl.col("chunks") >= MIN_EVENTS
    batches = (pl.col("chunks") >= MIN_CHUNKS) & several
    long_enough = (pl.col("duration_s") >= MIN_US / SECOND) & (events | batches)
    seen = (pl.col("missed") <= MISSED) & (pl.col("end") != UNFINISHED)
    common = (
        (pl.col("gap_p95_ms") <= limits.gap_p95)
        & (pl.col("variation") >= limits.variation)
        & (pl.col("bytes_per_s") <= limits.bytes_per_s)
        & (pl.col("bytes_during") <= limits.bytes_during)
        & (pl.col("small") < limits.small)
        & ~pl.col("end").is_in([TOO_FAST, ENDLESS])
    )
    by_event = (
        events
        & pl.col("gap_ms").is_between(*limits.event_gap)
        & pl.col("unit_bytes").is_between(*limits.event_bytes)
        & (pl.col("unit_p90") <= limits.event_p90)
        & (pl.col("full") <= limits.event_full)
    )
    even = (pl.col("unit_bytes") >= limits.envelope_bytes) & (pl.col("spread") <= limits.envelope_spread)
    by_batch = (
        batches
        & pl.col("gap_ms").is_between(*limits.batch_gap)
        & pl.col("unit_bytes").is_between(*limits.batch_bytes)
        & (pl.col("unit_p90") <= limits.batch_p90)
        & (pl.col("full") <= limits.batch_full)
    )
    answer = (
        pl.when(common & by_event & even)
        .then(pl.lit(STREAM_CLASSES[0]))
        .when(common & by_event)
        .then(pl.lit(STREAM_CLASSES[1]))
        .when(common & by_batch)
        .then(pl.lit(STREAM_CLASSES[2]))
        .otherwise(pl.lit(STREAM_CLASSES[3]))
    )
    given_up = pl.col("end").is_in([TOO_FAST, ENDLESS])
    is_judged = long_enough & (seen | given_up)
    return numbers.with_columns(
        long_enough=long_enough,
        judged=is_judged,
        stream_like=pl.when(is_judged).then(answer),
    )


def _bin_middles(step: int) -> Floats:
    """The middle of each histogram bin (`turns.bin_of`), in the unit of the values."""
    lows = [float(n) if n < 8 else float((4 + n % 4) << (n // 4 - 1)) for n in range(BINS + 1)]
    edges = np.array(lows)
    return (edges[:-1] + edges[1:]) / 2 * step


def _weighted_sample(
    values: Floats, counts: Flags, middles: Floats, histogram: npt.NDArray[np.unsignedinteger[Any]]
) -> tuple[Floats, Floats]:
    """Exact values and histogram bins as one weighted sample: values and weights, both (turns, UNITS +
    BINS)."""
    broad = np.broadcast_to(middles, (values.shape[0], BINS))
    weights = np.hstack([counts.astype(np.float64), histogram.astype(np.float64)])
    return np.hstack([values, broad]), weights


def _quantile(values: Floats, weights: Floats, share: float, spare: float = 0.0) -> Floats:
    """The weighted quantile `share` of each row; 0 for empty rows.

    `spare` of the weight is subtracted first if there is more, so that with few values the largest one does
    not decide.
    """
    order = np.argsort(values, axis=1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    wanted = np.floor(share * (reached[:, -1:] - spare)) + spare if spare else share * reached[:, -1:]
    at = np.argmax(reached >= np.maximum(wanted, 1e-9), axis=1)
    rows = np.arange(values.shape[0])
    found: Floats = np.where(reached[:, -1] > 0, values[rows, order[rows, at]], 0.0)
    return found


def _variation(values: Floats, weights: Floats) -> Floats:
    """Coefficient of variation (standard deviation / mean) of each row."""
    total = np.maximum(weights.sum(axis=1), 1.0)
    mean = (values * weights).sum(axis=1) / total
    square = (np.square(values - mean[:, None]) * weights).sum(axis=1) / total
    return np.sqrt(square) / np.maximum(mean, 1e-9)


def _full(sizes: Floats, is_unit: Flags) -> Floats:
    """Share of units as full as in downloads: a segment, at least a quarter of a TLS record, or the most
    common size if it is near one of these."""
    filled = ((sizes >= 1340) & (sizes <= 1480)) | (sizes >= 4000)
    shares = (filled & is_unit).sum(axis=1) / np.maximum(is_unit.sum(axis=1), 1)
    common = _commonest(np.where(is_unit, sizes, -1.0))
    alike = ((sizes == common[:, None]) & is_unit).sum(axis=1) / np.maximum(is_unit.sum(axis=1), 1)
    return np.maximum(shares, np.where(common >= 1100, alike, 0.0))


def _commonest(sizes: Floats) -> Floats:
    """The mode of the non-negative values of each row; the smallest of several; -1 for none."""
    ordered = np.sort(sizes, axis=1)
    at = np.arange(ordered.shape[1])
    begins = np.ones_like(ordered, dtype=np.bool_)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    run = at - np.maximum.accumulate(np.where(begins, at, 0), axis=1) + 1
    run[ordered < 0] = 0
    return ordered[np.arange(ordered.shape[0]), np.argmax(run, axis=1)]


def _missed(turns: Records) -> Floats:
    """Share of bytes of the answer outside of records whose header was seen; 0 for datagrams."""
    span = (turns["next"].astype(np.int64) - turns["begin"].astype(np.int64)) & 0xFFFFFFFF
    missed = np.clip(span - turns["record_bytes"], 0, None) / np.maximum(span, 1)
    return np.where(turns["record_bytes"] > 0, missed, 0.0)
