"""Turns of answers by hand: tokens that flow, events let go together."""

from __future__ import annotations

import random

from tests.quality.shapes import Answer
from tests.sensor.decode.craft import Frame, ethernet, ip, udp


def tokens(seed: int = 0, count: int = 60, size: int = 420, gap_us: int = 30_000) -> Answer:
    """An event a token: even sizes, uneven gaps."""
    rng = random.Random(seed)
    gaps = [int(rng.lognormvariate(0, 0.5) * gap_us) for _ in range(count)]
    return Answer([size + rng.randrange(5) for _ in range(count)], gaps)


def batches(seed: int = 0, count: int = 20) -> Answer:
    """Events let go together, a few every fifth of a second."""
    rng = random.Random(seed)
    sizes, gaps = [], []
    for _ in range(count):
        for k in range(rng.randrange(2, 6)):
            sizes.append(rng.randrange(900, 3500))
            gaps.append(0 if k else rng.randrange(120_000, 300_000))
    return Answer(sizes, gaps)


def late(made: list[Frame], by_s: float = 60.0) -> list[Frame]:
    """The packets, and one of somebody else so long after the last of them."""
    other = Frame(ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(9, 9, b""))), made[-1].time + by_s)
    return [*made, other]
