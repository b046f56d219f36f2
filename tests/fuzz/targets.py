"""What a target does with a batch of mutants, and what must hold of it.

Compiled decoders get thousands of mutants in one call, as the packets of one capture through the whole
source: no exception, no `decoder_faults`, every frame counted once, no more rows than frames, bounded time
and memory. One mutant is one execution.
"""

from __future__ import annotations

import io
import resource
import struct
import time
from collections.abc import Callable, Sequence

import numpy as np

from sensor.decode.capture import Capture
from sensor.decode.formats import first_time, recognise
from tests.fuzz import corpus
from tests.fuzz.mutate import mutants
from tests.sensor.decode.adversarial import WRAPS, Endpoints
from tests.sensor.decode.craft import ACK, PSH, SYN, T0, Frame, conserves, decode, pcap
from tests.sensor.decode.test_quic import V1, V2, seal

#: a packet may take this long on average, generously; a quadratic parser takes far longer
SECONDS_PER_EXECUTION, SECONDS = 0.002, 5.0
#: how much a run may grow
GROWTH_MB = 1500
LINKS = (1, 1, 1, 0, 101, 108, 113, 228, 229, 276)


class Broken(AssertionError):
    """A promise that did not hold; `capture` is the input."""

    def __init__(self, what: str, capture: bytes) -> None:
        super().__init__(what)
        self.capture = capture


def check(content: bytes, packets: int | None) -> None:
    """Decode a capture; `packets` is how many frames it has, if that is known. Raises Broken."""
    began = time.monotonic()
    try:
        tables = decode(content)
        if packets is not None:
            conserves(tables["coverage"], packets)
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}", content) from error
    count = packets if packets is not None else len(content) // 16
    if tables["observations"].height > count:
        raise Broken(f"{tables['observations'].height} rows of {count} frames", content)
    if time.monotonic() - began > SECONDS + count * SECONDS_PER_EXECUTION:
        raise Broken(f"{time.monotonic() - began:.0f} s for {count} frames", content)


def _frames(inputs: Sequence[bytes], chance: np.random.Generator) -> tuple[bytes, int]:
    link = int(LINKS[chance.integers(0, len(LINKS))])
    made = [Frame(data, T0 + n * 1e-5, len(data) + n % 3) for n, data in enumerate(inputs)]
    return pcap(made, link=link), len(made)


def _streams(inputs: Sequence[bytes], chance: np.random.Generator) -> tuple[bytes, int]:
    """Each mutant is what one side of a connection says, in two segments, one in three swapped."""
    made: list[Frame] = []
    cuts = chance.random(len(inputs))
    for number, data in enumerate(inputs):
        ends = Endpoints(number % 50_000, v6=number % 5 == 0, wrap=WRAPS["plain"])
        up, at = number % 4 != 3, int(len(data) * cuts[number])
        segments = [(1001, data[:at]), (1001 + at, data[at:])]
        if number % 3 == 0:
            segments.reverse()
        now = T0 + number * 1e-4
        made.append(Frame(ends.segment(1000, 0, SYN, up=up), now))
        for place, (seq, piece) in enumerate(segments, 1):
            made.append(Frame(ends.segment(seq, 77, ACK | PSH, piece, up=up), now + place * 1e-5))
    return pcap(made), len(made)


def _datagrams(inputs: Sequence[bytes], port: int) -> tuple[bytes, int]:
    made = []
    for number, data in enumerate(inputs):
        ends = Endpoints(number % 50_000, v6=number % 5 == 0, wrap=WRAPS["plain"])
        ports = struct.pack(">HH", ends.port, port)
        head = struct.pack(">HH", 8 + len(data), 0)
        frame = ends.frame(17, head, data, up=True).replace(struct.pack(">HH", ends.port, 443), ports, 1)
        made.append(Frame(frame, T0 + number * 1e-4))
    return pcap(made), len(made)


def _initials(inputs: Sequence[bytes], chance: np.random.Generator) -> tuple[bytes, int]:
    """Plaintexts are damaged and then protected, for a damaged packet would only fail its check."""
    sealed = [
        seal(data, number % 5, version=V2 if number % 7 == 0 else V1, size=200 + number % 900)
        for number, data in enumerate(inputs)
    ]
    broken = mutants(sealed, max(1, len(sealed) // 10), chance)
    return _datagrams([*sealed, *broken], 443)


def _container(inputs: Sequence[bytes]) -> None:
    """Each mutant is a file: described to its end, whatever it says."""
    for content in inputs:
        first_time(content)
        if not recognise(content):
            continue
        capture = Capture(io.BytesIO(content), content)
        frames = 0
        while capture.advance():
            frames += capture.ready
            capture.drop(capture.ready)
        if frames > len(content) // 12:
            raise Broken(f"{frames} frames in {len(content)} bytes", content)


def run(target: str, inputs: Sequence[bytes], chance: np.random.Generator) -> None:
    """Execute a target once for each input. Raises Broken."""
    if target == "container":
        try:
            _container(inputs)
        except Broken:
            raise
        except Exception as error:
            raise Broken(f"{type(error).__name__}: {error}", inputs[0]) from error
        return
    made: dict[str, Callable[[], tuple[bytes, int]]] = {
        "frame": lambda: _frames(inputs, chance),
        "stream": lambda: _streams(inputs, chance),
        "dns": lambda: _datagrams(inputs, 53),
        "quic": lambda: _initials(inputs, chance),
    }
    check(*made[target]())


def smallest(
    target: str, inputs: Sequence[bytes], seed: int, broken: Broken
) -> tuple[Sequence[bytes], Broken]:
    """The fewest inputs, halving, that still break a promise; `broken` is what all of them break."""
    while len(inputs) > 1:
        half = len(inputs) // 2
        for part in (inputs[:half], inputs[half:]):
            if again := breaks(target, part, seed):
                inputs, broken = part, again
                break
        else:
            break
    return inputs, broken


def breaks(target: str, inputs: Sequence[bytes], seed: int) -> Broken | None:
    """What a run of these inputs breaks, if anything."""
    try:
        run(target, inputs, np.random.default_rng(seed))
    except Broken as broken:
        return broken
    return None


def grown_mb(before: float) -> float:
    """Memory this process took beyond `before`."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before


BATCH = {"frame": 20_000, "stream": 5_000, "dns": 20_000, "quic": 1_000, "container": 500}


def batch(target: str, number: int, seed: int) -> list[bytes]:
    """The `number`th batch of mutants of a target, the same each time."""
    chance = np.random.default_rng([seed, number])
    return mutants(corpus.load(target), BATCH[target], chance)
