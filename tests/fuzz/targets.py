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

from sensor.decode.capture.formats import first_time, recognise
from sensor.decode.capture.reader import Capture
from sensor.decode.quic.protection import V1, V2
from tests.fuzz import corpus
from tests.fuzz.mutate import mutants
from tests.sensor.decode.adversarial import WRAPS, Endpoints
from tests.sensor.decode.craft import (
    ACK,
    CLIENT,
    PSH,
    SERVER,
    SYN,
    T0,
    Frame,
    conserves,
    decode,
    ethernet,
    ip,
    pcap,
    tcp,
)
from tests.sensor.decode.craft.fragments import part, parts
from tests.sensor.decode.craft.quic import seal

#: a packet may take this long on average, generously; a quadratic parser takes far longer
SECONDS_PER_EXECUTION, SECONDS = 0.002, 5.0
#: how much a run may grow
GROWTH_MB = 1500
LINKS = (1, 1, 1, 0, 9, 12, 50, 51, 101, 104, 108, 113, 228, 229, 276)


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


def _conversations(inputs: Sequence[bytes], chance: np.random.Generator) -> tuple[bytes, int]:
    """Each mutant is what one side says to or from port 53 over TCP, in three segments, one of them late."""
    made: list[Frame] = []
    cuts = np.sort(chance.random((len(inputs), 2)), axis=1)
    for number, data in enumerate(inputs):
        up, now = number % 2 == 0, T0 + number * 1e-4
        first, second = (int(len(data) * cut) for cut in cuts[number])
        segments = [(1001, data[:first]), (1001 + first, data[first:second]), (1001 + second, data[second:])]
        segments.insert(2, segments.pop(number % 3))
        ports = (1024 + number % 60_000, 53)
        sport, dport = ports if up else ports[::-1]
        source, target = (CLIENT, SERVER) if up else (SERVER, CLIENT)
        for place, (seq, piece) in enumerate([(1000, b""), *segments]):
            segment = tcp(sport, dport, seq, 77, SYN if place == 0 else ACK | PSH, piece)
            made.append(Frame(ethernet(ip(source, target, 6, segment)), now + place * 1e-5))
    return pcap(made), len(made)


def _fragments(inputs: Sequence[bytes], chance: np.random.Generator) -> tuple[bytes, int]:
    """Each mutant is a protocol number and a datagram, in fragments: shuffled, some lost or overlapping."""
    made: list[Frame] = []
    for number, data in enumerate(inputs):
        protocol, body = (data[0] if data else 17), data[1:] + bytes(max(0, 17 - len(data)))
        six, step = number % 3 == 0, 8 * int(chance.integers(1, 1 + len(body) // 8))
        pieces = parts(body, step, number=number & 0xFFFF, protocol=protocol, six=six)
        if number % 4 == 0:
            begin = 8 * int(chance.integers(0, 1 + len(body) // 8))
            pieces.append(part(body, begin, len(body), number=number & 0xFFFF, protocol=protocol, six=six))
        order = chance.permutation(len(pieces))[: max(1, len(pieces) - int(number % 5 == 0))]
        made += [Frame(pieces[k], T0 + number * 1e-4 + n * 1e-6) for n, k in enumerate(order)]
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
        "tcp-dns": lambda: _conversations(inputs, chance),
        "fragment": lambda: _fragments(inputs, chance),
    }
    check(*made[target]())


def smallest(
    target: str, inputs: Sequence[bytes], seed: int, broken: Broken
) -> tuple[Sequence[bytes], Broken]:
    """The fewest inputs, halving, that still break a promise; `broken` is what all of them break."""
    while len(inputs) > 1:
        half = len(inputs) // 2
        for some in (inputs[:half], inputs[half:]):
            if again := breaks(target, some, seed):
                inputs, broken = some, again
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


BATCH = {"frame": 20_000, "stream": 5_000, "dns": 20_000, "quic": 1_000, "container": 500,
         "tcp-dns": 5_000, "fragment": 5_000}  # fmt: skip


def batch(target: str, number: int, seed: int) -> list[bytes]:
    """The `number`th batch of mutants of a target, the same each time."""
    chance = np.random.default_rng([seed, number])
    return mutants(corpus.load(target), BATCH[target], chance)
