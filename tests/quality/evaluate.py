"""How often answers are found that are streams of tokens, and how often others are taken for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import sqrt

import polars as pl

from sensor.decode.streaming.judge import LIMITS, MIN_CHUNKS, Limits, judged, measured
from sensor.schema import STREAM_CLASSES
from tests.quality import controls
from tests.quality.shapes import Answer, deployments, turns
from tests.quality.wire import Connection, Event, Spoil, shown

#: Connections of each kind of control.
CONTROLS = 24
#: A stretch of bounds beyond what the other deployments show, when those of one are left out.
STRETCH = 1.5
#: How a capture point may spoil what it sees.
SPOILT = {
    "as it was": None,
    "1 % of packets missed": Spoil(lost=0.01),
    "5 % of packets missed": Spoil(lost=0.05),
    "half of all packets twice": Spoil(twice=0.5),
    "20 ms of jitter, out of order": Spoil(jitter_s=0.02),
    "packets cut to 128 bytes": Spoil(snap=128),
}
_GATHER_US, _BLOCK = 500_000, 1024


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    if n == 0:
        return 0.0, 1.0
    z = 1.96
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(hits * (n - hits) / n + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def connection(answer: Answer, upload: int = 2000, wait_us: int = 400_000) -> Connection:
    """An answer after a question, records without a gap between them written together."""
    events, now = [Event(0, "up", (upload,))], wait_us
    for at, (size, gap) in enumerate(zip(answer.sizes, answer.gaps, strict=True)):
        now += gap if at else 0
        if at and gap == 0:
            events[-1] = Event(now, "down", (*events[-1].sizes, size))
        else:
            events.append(Event(now, "down", (size,)))
    return Connection(events)


def padded(answer: Answer) -> Answer:
    """Every record filled to a multiple of 1 KiB."""
    return Answer([-(-size // _BLOCK) * _BLOCK for size in answer.sizes], answer.gaps)


def gathered(answer: Answer) -> Answer:
    """What came within half a second is held back and let go at once, record by record."""
    now, last, gaps = 0, 0, []
    for at, gap in enumerate(answer.gaps):
        now += gap if at else 0
        let_go = -(-now // _GATHER_US) * _GATHER_US
        gaps.append(let_go - last)
        last = let_go
    return Answer(answer.sizes, gaps)


def counted(told: pl.DataFrame) -> dict[str, int]:
    """Of connections: how many, judged, of each class."""
    classes = dict(told["stream_like"].drop_nulls().value_counts().iter_rows())
    counts = {"n": told.height, "judged": told["stream_like"].count()}
    return counts | {name: classes.get(name, 0) for name in STREAM_CLASSES}


def by_deployment(names: Iterable[str] | None = None) -> dict[str, dict[str, int]]:
    """Answers of each deployment, as packets through the whole decoder."""
    everything = deployments()
    return {name: counted(shown(map(connection, everything[name]))) for name in names or everything}


def by_spoiling() -> dict[str, dict[str, int]]:
    """Answers of all deployments, spoilt at the capture point, padded, or held back."""
    answers = [answer for found in deployments().values() for answer in found[::3]]
    rows = {name: counted(shown(map(connection, answers), spoil)) for name, spoil in SPOILT.items()}
    for name, change in (("padded to 1 KiB", padded), ("held back for 500 ms", gathered)):
        rows[name] = counted(shown(connection(change(answer)) for answer in answers))
    return rows


def by_control(kinds: Iterable[tuple[str, controls.Maker]] | None = None) -> dict[str, dict[str, int]]:
    """Connections of each kind of control, as packets through the whole decoder."""
    return {
        name: counted(shown(maker(random.Random(f"{name} {n}")) for n in range(CONTROLS)))
        for name, maker in kinds or controls.all_of_them()
    }


def left_out() -> dict[str, dict[str, int]]:
    """Each deployment judged by bounds that only the others set, and the controls' false hits by these."""
    numbers = {name: measured(turns(found)) for name, found in deployments().items()}
    rows = {}
    for name, own in numbers.items():
        # The same deployment at another time teaches nothing either.
        of_others = [frame for other, frame in numbers.items() if other.split()[0] != name.split()[0]]
        rows[name] = counted(judged(own, fitted(pl.concat(of_others))))
    return rows


def fitted(numbers: pl.DataFrame) -> Limits:
    """Bounds that 99 % of these streams keep on each side, stretched by half; the form of the rules stays."""
    long = numbers.filter(pl.col("chunks") >= MIN_CHUNKS)
    several = pl.col("units") >= LIMITS.batch_units * pl.col("chunks")
    events, batches = long.filter(~several), long.filter(several)

    def most(frame: pl.DataFrame, name: str) -> float:
        return float(frame[name].quantile(0.99) or 0.0) * STRETCH

    def between(frame: pl.DataFrame, name: str) -> tuple[float, float]:
        return float(frame[name].quantile(0.01) or 0.0) / STRETCH, most(frame, name)

    return replace(
        LIMITS,
        gap_p95=most(long, "gap_p95_ms"),
        variation=float(long["variation"].quantile(0.01) or 0.0) / STRETCH,
        bytes_per_s=most(long, "bytes_per_s"),
        event_gap=between(events, "gap_ms"),
        event_bytes=between(events, "unit_bytes"),
        event_p90=most(events, "unit_p90"),
        event_full=min(0.5, most(events, "full")),
        batch_gap=between(batches, "gap_ms"),
        batch_bytes=between(batches, "unit_bytes"),
        batch_p90=most(batches, "unit_p90"),
        batch_full=min(0.5, most(batches, "full")),
    )


Count = Callable[[], dict[str, dict[str, int]]]
