"""Sums the monitor's readings (drops, link, VLANs, clock) to rows of `coverage`, one per minute. Pure.

A minute with readings but without packets has a row with `packets` = 0: the port was silent. A minute without
a row is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

import polars as pl

from sensor.schema import COVERAGE, TIME

_MINUTE_US = 60_000_000
_KEY = "minute"
_SPAN = ("first_seen", "last_seen")
#: Columns of which a minute keeps the greatest value, because a sum would mean nothing.
_GREATEST = ("clock_offset_ms",)
#: Columns of which a minute keeps the last value.
_LATEST = ("vlans",)


@dataclass(frozen=True)
class Counters:
    """Totals since the capture began, over all ports; the fields are columns of `coverage`."""

    kernel_drops: int = 0
    ring_freezes: int = 0
    nic_missed: int = 0
    softnet_drops: int = 0
    link_down_s: int = 0
    excluded: int = 0
    shortened: int = 0

    def since(self, before: Counters) -> dict[str, int]:
        """The increase since `before`; a counter that a driver has reset adds nothing."""
        return {f.name: max(getattr(self, f.name) - getattr(before, f.name), 0) for f in fields(self)}


class Readings:
    """Sums readings by the minute they were made in; times are microseconds since 1970."""

    def __init__(self) -> None:
        self._sums: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._offsets_ms: dict[int, int] = {}
        self._vlans = ""
        self._before = Counters()

    def add(self, now: int, counters: Counters, *, offset_ms: int | None, vlans: Sequence[int]) -> None:
        """Add a reading at time `now`.

        `offset_ms` is the distance of the newest frame's time from the clock, `vlans` are the tags seen, in
        order.
        """
        minute = now // _MINUTE_US * _MINUTE_US
        sums = self._sums[minute]
        for name, more in counters.since(self._before).items():
            sums[name] += more
        self._before = counters
        self._vlans = ",".join(map(str, vlans))
        if offset_ms is not None:
            self._offsets_ms[minute] = max(self._offsets_ms.get(minute, 0), abs(offset_ms))

    def take(self) -> pl.DataFrame:
        """The rows of `coverage` for the readings since the last call."""
        rows = [
            {
                _KEY: minute,
                "packets": 0,
                "bytes": 0,
                **sums,
                "clock_offset_ms": self._offsets_ms.get(minute),
                "vlans": self._vlans or None,
            }
            for minute, sums in sorted(self._sums.items())
        ]
        self._sums.clear()
        self._offsets_ms.clear()
        if not rows:
            return COVERAGE.empty()
        return COVERAGE.conform(
            pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(_KEY).cast(TIME))
        )


def merged(rows: Sequence[pl.DataFrame], *, features_off: str = "") -> pl.DataFrame:
    """The rows of several decoders and of the readings, summed to one row of `coverage` per minute.

    `features_off` lists what was switched off for the whole capture, comma-separated; it goes into every row.
    """
    everything = pl.concat(rows)
    origin = ("sensor", "site", "source", "input")
    counts = pl.exclude(_KEY, *_SPAN, *_GREATEST, *_LATEST, "features_off", *origin)
    grouped = everything.group_by(_KEY).agg(
        pl.when(counts.count() > 0).then(counts.sum()),
        *(pl.col(name).max() for name in _GREATEST),
        *(pl.col(name).drop_nulls().last() for name in _LATEST),
        pl.col("first_seen").min(),
        pl.col("last_seen").max(),
        features_off=pl.lit(features_off or None, dtype=pl.String),
    )
    return COVERAGE.conform(grouped.sort(_KEY))
