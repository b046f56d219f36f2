"""Streams as hostile or unlucky networks deliver them, with the right answer known by construction.

Each flow carries one name. What differs: how its first message is cut and delivered (`DELIVERIES`,
`QUIC_DELIVERIES`), the IP version, and what it is wrapped in (`WRAPS`). Flows are told apart by client
address and port. Frames are put together from packed bytes, so that thousands of flows take a second.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sensor.decode.quic import initials
from sensor.decode.quic.protection import Version
from tests.sensor.decode.craft import ACK, FIN, PSH, SYN, T0, Frame
from tests.sensor.decode.craft.quic import crypto, seal
from tests.sensor.decode.craft.tls import record, small_hello

NAMES = ("api.openai.com", "claude.ai", "gemini.google.com")

#: (offset in the stream, bytes, seconds to wait before): one segment of the client's first message
Segment = tuple[int, bytes, float]
#: cuts a message at a byte and says how its pieces arrive
Delivery = Callable[[bytes, int], list[Segment]]

_APPLICATION = bytes.fromhex("170303000a") + bytes(10)
_SERVER_HELLO = record(b"\x02\0\0\0")


def _cut(message: bytes, at: int) -> list[Segment]:
    return [(0, message[:at], 0.001), (at, message[at:], 0.001)]


def _reordered(message: bytes, at: int) -> list[Segment]:
    return [(at, message[at:], 0.001), (0, message[:at], 0.001)]


def _duplicated(message: bytes, at: int) -> list[Segment]:
    """Each piece again at once, and the whole again after a retransmission timeout."""
    first, second = _cut(message, at)
    return [first, first, second, second, (0, message, 0.3)]


def _overlapped(message: bytes, at: int) -> list[Segment]:
    """The second piece begins inside the first; the bytes are the same."""
    back = max(0, at - 7)
    return [(0, message[: at + 5], 0.001), (back, message[back:], 0.001), (0, message[:at], 0.001)]


def _lost(message: bytes, at: int) -> list[Segment]:
    """The first piece is lost; later bytes come before its retransmission."""
    later = (len(message), _APPLICATION, 0.001)
    return [(at, message[at:], 0.001), later, (0, message[:at], 0.25)]


def _records(message: bytes, at: int) -> list[Segment]:
    """The handshake message in two TLS records, the segments cut inside the second record's header."""
    body = message[5:]
    inside = min(max(1, at - 5), len(body) - 1)
    both = record(body[:inside]) + record(body[inside:])
    return _cut(both, 5 + inside + 2)


def _crumbs(message: bytes, at: int) -> list[Segment]:
    """Many pieces of `at` bytes each, two at least."""
    size = max(2, at)
    return [(begin, message[begin : begin + size], 0.0005) for begin in range(0, len(message), size)]


def _crumbs_backwards(message: bytes, at: int) -> list[Segment]:
    return _crumbs(message, at)[::-1]


DELIVERIES: dict[str, Delivery] = {
    "cut": _cut,
    "reordered": _reordered,
    "duplicated": _duplicated,
    "overlapped": _overlapped,
    "lost": _lost,
    "records": _records,
    "crumbs": _crumbs,
    "crumbs backwards": _crumbs_backwards,
}


def _outer(protocol: int, payload: bytes) -> bytes:
    """An Ethernet frame of a tunnel's outer IPv4 packet."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, _A, _B)
    return _MACS + b"\x08\x00" + head + payload


_A, _B = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
_MACS = bytes.fromhex("020000000001020000000005")


def _vxlan(frame: bytes) -> bytes:
    udp = struct.pack(">HHHH", 50001, 4789, 16 + len(frame), 0)
    return _outer(17, udp + struct.pack(">II", 0x08000000, 7 << 8) + frame)


def _erspan(frame: bytes) -> bytes:
    return _outer(47, struct.pack(">HHIHHI", 0x1000, 0x88BE, 1, 0x100A, 3, 0) + frame)


WRAPS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda frame: frame,
    "qinq": lambda frame: frame[:12] + bytes.fromhex("88a800c881000064") + frame[12:],
    "vxlan": _vxlan,
    "erspan": _erspan,
    "gre": lambda frame: _outer(47, b"\0\0" + frame[12:14] + frame[14:]),
    "mpls": lambda frame: frame[:12] + b"\x88\x47" + struct.pack(">I", 16 << 12 | 0x1FF) + frame[14:],
}


@dataclass
class Expected:
    """A flow as it must come out."""

    name: str
    bytes_up: int


#: flows by (client, client port)
Truth = dict[tuple[str, int], Expected]


class Endpoints:
    """The addresses of one flow, and frames between them."""

    def __init__(self, number: int, *, v6: bool, wrap: Callable[[bytes], bytes]) -> None:
        self.port, self._v6, self._wrap = 1024 + number % 60_000, v6, wrap
        low = struct.pack(">I", 0x0A010000 + number // 60_000)
        prefix = bytes.fromhex("20010db8") + bytes(8)
        self._client = prefix + low if v6 else low
        self._server = prefix + bytes([203, 0, 113, 9]) if v6 else bytes([203, 0, 113, 9])
        self.client = str(ipaddress.ip_address(self._client))
        self._identification = itertools.count(number * 31)

    def frame(self, protocol: int, head: bytes, data: bytes, *, up: bool) -> bytes:
        """A frame with the given bytes behind both ports."""
        ports = struct.pack(">HH", self.port, 443) if up else struct.pack(">HH", 443, self.port)
        source, target = (self._client, self._server) if up else (self._server, self._client)
        body, number = ports + head + data, next(self._identification) & 0xFFFF
        if self._v6:
            network = struct.pack(">IHBB", 6 << 28 | number, len(body), protocol, 64)
        else:
            network = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), number, 0x4000, 64, protocol, 0)
        kind = b"\x86\xdd" if self._v6 else b"\x08\x00"
        return self._wrap(_MACS + kind + network + source + target + body)

    def segment(self, seq: int, ack: int, flags: int, data: bytes = b"", *, up: bool) -> bytes:
        """A TCP segment."""
        head = struct.pack(">IIBBHHH", seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0)
        return self.frame(6, head, data, up=up)

    def datagram(self, data: bytes, *, up: bool) -> bytes:
        """A UDP datagram."""
        return self.frame(17, struct.pack(">HH", 8 + len(data), 0), data, up=up)


#: initial sequence numbers, one of which wraps inside the hello
_ISNS = (1000, (1 << 32) - 40, 77)


def tcp_flow(ends: Endpoints, segments: list[Segment], isn: int, start: float) -> Iterator[Frame]:
    """Handshake, the segments, an answer, and the end."""
    now, first = start, isn + 1
    yield Frame(ends.segment(isn, 0, SYN, up=True), now)
    yield Frame(ends.segment(9000, first, SYN | ACK, up=False), now + 0.001)
    yield Frame(ends.segment(first, 9001, ACK, up=True), now + 0.002)
    now += 0.002
    for offset, data, wait in segments:
        now += wait
        yield Frame(ends.segment(first + offset, 9001, ACK | PSH, data, up=True), now)
    last = first + max(offset + len(data) for offset, data, _ in segments)
    yield Frame(ends.segment(9001, last, ACK | PSH, _SERVER_HELLO, up=False), now + 0.001)
    yield Frame(ends.segment(last, 9001 + len(_SERVER_HELLO), FIN | ACK, up=True), now + 0.002)
    yield Frame(ends.segment(9001 + len(_SERVER_HELLO), last + 1, FIN | ACK, up=False), now + 0.003)


def tcp_streams(delivery: str, *, every: int = 1) -> tuple[list[Frame], Truth]:
    """Each name, cut at every byte (or every so many), in both IP versions and every wrap."""
    frames: list[Frame] = []
    truth: Truth = {}
    hellos = {name: small_hello(name.encode()) for name in NAMES}
    variants = [
        (name, at, v6, wrap)
        for name in NAMES
        for at in range(1, len(hellos[name]), every)
        for v6 in (False, True)
        for wrap in WRAPS
    ]
    for number, (name, at, v6, wrap) in enumerate(variants):
        segments = [s for s in DELIVERIES[delivery](hellos[name], at) if s[1]]
        ends = Endpoints(number, v6=v6, wrap=WRAPS[wrap])
        truth[ends.client, ends.port] = Expected(name, max(o + len(d) for o, d, _ in segments))
        frames += tcp_flow(ends, segments, _ISNS[number % 3], T0 + number * 0.002)
    return _as_on_a_wire(frames), truth


def _as_on_a_wire(frames: Iterable[Frame]) -> list[Frame]:
    return sorted(frames, key=lambda frame: frame.time)


#: makes the datagrams of one attempt: (hello, version, connection id) -> datagrams, up or down
Attempt = Callable[[bytes, Version, bytes], list[tuple[bytes, bool]]]


def _pieces(hello: bytes, seed: int, size: int = 97) -> list[bytes]:
    """CRYPTO frames in a shuffled order, as current browsers send them."""
    pieces = [crypto(at, hello[at : at + size]) for at in range(0, len(hello), size)]
    random.Random(seed).shuffle(pieces)
    return pieces


def _shuffled(hello: bytes, version: Version, dcid: bytes) -> list[tuple[bytes, bool]]:
    pieces = _pieces(hello, dcid[0])
    half = len(pieces) // 2
    parts = (b"\x01".join(pieces[:half]), b"\0\0".join(pieces[half:]))
    return [(seal(part, n, version=version, dcid=dcid), True) for n, part in enumerate(parts)]


def _last_first(hello: bytes, version: Version, dcid: bytes) -> list[tuple[bytes, bool]]:
    return _shuffled(hello, version, dcid)[::-1]


def _coalesced(hello: bytes, version: Version, dcid: bytes) -> list[tuple[bytes, bool]]:
    """Two Initials in each of the datagrams."""
    pieces = _pieces(hello, dcid[0], 120)
    packets = [seal(piece, n, version=version, dcid=dcid, size=150) for n, piece in enumerate(pieces)]
    return [(b"".join(packets[n : n + 2]).ljust(1200, b"\0"), True) for n in range(0, len(packets), 2)]


def _retried(hello: bytes, version: Version, dcid: bytes) -> list[tuple[bytes, bool]]:
    """A Retry (RFC 9000 §17.2.5) after the first Initial: new connection id, token, everything again."""
    new = bytes(reversed(dcid))
    first = 0xC0 | (0x00 if version.number == initials.V2 else 0x30)
    retry = bytes([first]) + version.number.to_bytes(4, "big") + b"\0" + bytes([len(new)]) + new + b"tk"
    begin = seal(crypto(0, hello[:400]), 0, version=version, dcid=dcid)
    again = [seal(crypto(0, hello[:400]), 1, version=version, dcid=new, token=b"tk")]
    again.append(seal(crypto(400, hello[400:]), 2, version=version, dcid=new, token=b"tk"))
    return [(begin, True), (retry + bytes(16), False), *((datagram, True) for datagram in again)]


def _not_first(hello: bytes, version: Version, dcid: bytes) -> list[tuple[bytes, bool]]:
    """Something else of the connection was captured before its Initials."""
    return [(b"\x40" + bytes(60), True), *_shuffled(hello, version, dcid)]


QUIC_DELIVERIES: dict[str, Attempt] = {
    "shuffled": _shuffled,
    "last first": _last_first,
    "coalesced": _coalesced,
    "retried": _retried,
    "not first": _not_first,
}


def quic_streams(delivery: str, versions: Iterable[Version]) -> tuple[list[Frame], Truth]:
    """Each name in each QUIC version, both IP versions and every wrap."""
    frames: list[Frame] = []
    truth: Truth = {}
    variants = itertools.product(NAMES, versions, (False, True), WRAPS)
    for number, (name, version, v6, wrap) in enumerate(variants):
        ends = Endpoints(number, v6=v6, wrap=WRAPS[wrap])
        hello = small_hello(name.encode(), padding=500)[5:]
        attempt = QUIC_DELIVERIES[delivery](hello, version, struct.pack(">Q", (number + 1) << 40 | 0x5A))
        truth[ends.client, ends.port] = Expected(name, sum(len(data) for data, up in attempt if up))
        frames += [
            Frame(ends.datagram(data, up=up), T0 + number * 0.002 + n * 0.001)
            for n, (data, up) in enumerate(attempt)
        ]
    return _as_on_a_wire(frames), truth
