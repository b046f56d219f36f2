"""Captures of any size, made deterministically, for speed and memory: the profiles of the benchmarks.

| profile    | what it is |
|---|---|
| office     | 1,000 flows in 2 s, 29 packets each: TLS (2 KB hellos), HTTP, DNS, QUIC; 15 % IPv6, 10 % VLAN |
| bulk       | few long TLS downloads, 1,514-byte frames |
| dns        | questions and answers, every name another |
| quic       | connections of two Initials each, every one with its own keys, then some 1-RTT packets |
| handshakes | TLS connections of eight packets, every hello another name |
| small      | 60-byte acknowledgements of 1,000 connections: as many packets as a link can carry |

`concurrent` keeps a number of connections open and serves them in turn, the worst order
for a cache; `syn_flood` mixes named connections into SYNs that are never answered.

Nothing is recorded: hosts are AI services and invented names in a fixed mix, payloads are zeros.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.tiles import DIGITS, FIRST_PORT, Packet, Tile, write, write_rows
from tests.sensor.decode.craft.quic import crypto, seal

SEED = 7
AI_HOSTS = ("chatgpt.com", "claude.ai", "api.openai.com", "gemini.google.com", "api.anthropic.com")
HOSTS = (*AI_HOSTS, *(f"host{n}.example.org" for n in range(200)))
#: Such a segment fits an MTU of 1,500 also over IPv6, with time stamps.
FULL_SEGMENT = 1428
SYN, RST, ACK, PSH_ACK, FIN_ACK, SYN_ACK = 0x02, 0x04, 0x10, 0x18, 0x11, 0x12

_ETHERNET = bytes.fromhex("020000000001020000000002")
_CIPHERS = bytes.fromhex(
    "13011302 1303c02b c02fc02c c030cca9 cca8c013 c014009c 009d002f 0035".replace(" ", "")
)
_GROUPS = bytes.fromhex("000a000800061 1ec001d0017".replace(" ", ""))
_SIGNATURES = bytes.fromhex("000d0012001004030804040105030805050108060601")
_ALPN = bytes.fromhex("0010000e000c02683208687474702f312e31")
_VERSIONS = bytes.fromhex("002b00050403040303")


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, len(body)) + body


def client_hello(host: str, *, key_share: int = 1216) -> bytes:
    """A TLS 1.3 ClientHello record naming `host` (RFC 8446 §4.1.2); 1,216 bytes is a hybrid key share."""
    name = host.encode()
    extensions = _extension(0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name)
    extensions += _GROUPS + _SIGNATURES + _ALPN + _VERSIONS + _extension(23, b"") + _extension(45, b"\1\1")
    share = struct.pack(">HH", 0x11EC, key_share) + bytes(key_share)
    extensions += _extension(51, struct.pack(">H", len(share)) + share)
    extensions += _extension(35, bytes(180)) + _extension(41, bytes(300))
    body = b"\x03\x03" + bytes(32) + b"\x20" + bytes(32) + struct.pack(">H", len(_CIPHERS)) + _CIPHERS
    body += b"\x01\x00" + struct.pack(">H", len(extensions)) + extensions
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


class Flow:
    """One connection being written, packet by packet."""

    def __init__(self, number: int, server_port: int, *, at_us: int, v6: bool = False, vlan: bool = False):
        self.at_us, self._server_port, self._v6 = at_us, server_port, v6
        low = struct.pack(">I", 0x0A000000 + 2 + number)
        high = struct.pack(">I", 0xC6336400 + number % 250)
        prefix = bytes.fromhex("20010db8000000000000000000000000")
        self._client = prefix[:12] + low if v6 else low
        self._server = prefix[:12] + high if v6 else high
        self._link = _ETHERNET + (b"\x81\x00\x00\x07" if vlan else b"") + (b"\x86\xdd" if v6 else b"\x08\x00")
        self._seq = [1000, 5000]
        self._count = number
        self.packets: list[Packet] = []

    def datagram(self, data: bytes, *, up: bool, wait_us: int = 50, serial_at: int = -1) -> None:
        """A UDP datagram."""
        ports = self._ports(up)
        self._put(17, ports + struct.pack(">HH", 8 + len(data), 0), data, up, wait_us, serial_at)

    def segment(
        self, data: bytes, *, up: bool, flags: int = PSH_ACK, wait_us: int = 50, serial_at: int = -1
    ) -> None:
        """A TCP segment; sequence numbers go on by themselves."""
        mine, other = self._seq if up else self._seq[::-1]
        ack = 0 if flags == SYN else other
        head = self._ports(up) + struct.pack(">IIBBHHH", mine, ack, 0x50, flags, 65535, 0, 0)
        self._put(6, head, data, up, wait_us, serial_at)
        self._seq[0 if up else 1] += len(data) + (flags in (SYN, SYN_ACK, FIN_ACK))

    def handshake(self) -> None:
        """SYN, SYN-ACK, ACK."""
        self.segment(b"", up=True, flags=SYN)
        self.segment(b"", up=False, flags=SYN_ACK, wait_us=8000)
        self.segment(b"", up=True, flags=ACK)

    def close(self) -> None:
        """FIN both ways."""
        self.segment(b"", up=True, flags=FIN_ACK)
        self.segment(b"", up=False, flags=FIN_ACK)
        self.segment(b"", up=True, flags=ACK)

    def _ports(self, up: bool) -> bytes:
        return struct.pack(">HH", *((0, self._server_port) if up else (self._server_port, 0)))

    def _put(self, protocol: int, head: bytes, data: bytes, up: bool, wait_us: int, serial_at: int) -> None:
        self._count = (self._count + 1) & 0xFFFF
        size = len(head) + len(data)
        source, target = (self._client, self._server) if up else (self._server, self._client)
        if self._v6:
            network = struct.pack(">IHBB", 6 << 28 | self._count, size, protocol, 64)
        else:
            network = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, self._count, 0x4000, 64, protocol, 0)
        before = self._link + network + source + target
        self.at_us += wait_us
        self.packets.append(
            Packet(
                self.at_us,
                before + head + data,
                len(before) + (0 if up else 2),
                len(before) + len(head) + serial_at if serial_at >= 0 else -1,
            )
        )


def _answer(flow: Flow, rng: random.Random, packets: int) -> None:
    """`packets` of a download: mostly full segments, an acknowledgement to two of them, some requests."""
    for n in range(packets):
        wait = rng.randrange(20, 30_000) if rng.random() < 0.3 else rng.randrange(10, 60)
        if n % 9 == 8:
            flow.segment(_RECORD + bytes(rng.randrange(60, 900)), up=True, wait_us=wait)
        elif n % 3 == 2:
            flow.segment(b"", up=True, flags=ACK, wait_us=wait)
        else:
            short = rng.random() < 0.25
            flow.segment(
                _RECORD + bytes(rng.randrange(30, 1300) if short else FULL_SEGMENT - 5),
                up=False,
                wait_us=wait,
            )


_RECORD = bytes.fromhex("1703034000")


def _tls(flow: Flow, rng: random.Random, host: str, packets: int) -> None:
    hello = client_hello(host)
    flow.handshake()
    flow.segment(hello[:FULL_SEGMENT], up=True, flags=ACK)
    flow.segment(hello[FULL_SEGMENT:], up=True)
    _answer(flow, rng, packets)
    flow.close()


def _http(flow: Flow, rng: random.Random, host: str, packets: int) -> None:
    head = f"GET /index.html HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (X11)\r\nAccept: */*\r\n\r\n"
    flow.handshake()
    flow.segment(head.encode(), up=True)
    flow.segment(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + bytes(900), up=False)
    _answer(flow, rng, packets)
    flow.close()


def _name(host: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in host.split(".")) + b"\0"


def _lookup(flow: Flow, host: str, *, serial_at: int = -1) -> None:
    question = _name(host) + struct.pack(">HH", 1, 1)
    at = 12 + serial_at if serial_at >= 0 else -1
    flow.datagram(struct.pack(">6H", 77, 0x0100, 1, 0, 0, 0) + question, up=True, serial_at=at)
    answer = b"\xc0\x0c" + struct.pack(">HHIHI", 1, 1, 300, 4, 0xC6336401)
    head = struct.pack(">6H", 77, 0x8180, 1, 1, 0, 0)
    flow.datagram(head + question + answer, up=False, wait_us=9000, serial_at=at)


def _quic(flow: Flow, rng: random.Random, host: str, packets: int) -> None:
    """Two Initials that hold a hello in shuffled CRYPTO frames, as browsers send them; then 1-RTT packets."""
    hello, dcid = client_hello(host)[5:], rng.randbytes(8)
    pieces = [crypto(at, hello[at : at + 300]) for at in range(0, len(hello), 300)]
    rng.shuffle(pieces)
    half = len(pieces) // 2
    for number, part in enumerate((pieces[:half], pieces[half:])):
        flow.datagram(seal(b"".join(part), number, dcid=dcid), up=True)
    flow.datagram(b"\xc0\0\0\0\1" + bytes(1195), up=False, wait_us=9000)
    for n in range(packets):
        up = n % 3 == 2
        flow.datagram(b"\x41" + bytes(40 if up else 1200), up=up, wait_us=rng.randrange(10, 2000))


def _office() -> Tile:
    rng, flows = random.Random(SEED), []
    kinds = ("tls", "http", "dns", "quic")
    for number in range(1000):
        (kind,) = rng.choices(kinds, (45, 8, 37, 10))
        port = {"tls": 443, "http": 80, "dns": 53, "quic": 443}[kind]
        at = rng.randrange(2_000_000)
        flow = Flow(number, port, at_us=at, v6=rng.random() < 0.15, vlan=rng.random() < 0.1)
        packets, host = min(400, int(rng.paretovariate(1.15) * 10)), rng.choice(HOSTS)
        if kind == "tls":
            _tls(flow, rng, host, packets)
        elif kind == "http":
            _http(flow, rng, host, packets)
        elif kind == "quic":
            _quic(flow, rng, host, packets)
        else:
            _lookup(flow, host)
        flows.append(flow.packets)
    return Tile(flows, 2_000_000)


def _bulk() -> Tile:
    rng, flows = random.Random(SEED), []
    for number in range(20):
        flow = Flow(number, 443, at_us=rng.randrange(1_000_000))
        flow.handshake()
        flow.segment(client_hello(rng.choice(HOSTS)), up=True)
        for n in range(600):
            full = _RECORD + bytes(FULL_SEGMENT - 5)
            flow.segment(b"" if n % 3 == 2 else full, up=n % 3 == 2, flags=ACK, wait_us=1500)
        flow.close()
        flows.append(flow.packets)
    return Tile(flows, 1_000_000)


def _dns() -> Tile:
    flows = []
    for number in range(4000):
        flow = Flow(number, 53, at_us=number * 250)
        _lookup(flow, f"n{'0' * DIGITS}.example.org", serial_at=2)
        flows.append(flow.packets)
    return Tile(flows, 1_000_000)


def _quic_heavy() -> Tile:
    """More connection ids than any cache of keys holds, so that each has to be derived."""
    rng, flows = random.Random(SEED), []
    for number in range(6000):
        flow = Flow(number, 443, at_us=rng.randrange(1_000_000))
        _quic(flow, rng, rng.choice(HOSTS), 6)
        flows.append(flow.packets)
    return Tile(flows, 1_000_000)


def _handshakes() -> Tile:
    hello = client_hello(f"h{'0' * DIGITS}.example.org", key_share=32)
    serial_at = hello.index(b"0" * DIGITS)
    flows = []
    for number in range(3000):
        flow = Flow(number, 443, at_us=number * 300)
        flow.handshake()
        flow.segment(hello, up=True, serial_at=serial_at)
        flow.segment(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", up=False)
        flow.close()
        flows.append(flow.packets)
    return Tile(flows, 1_000_000)


def _small() -> Tile:
    flows = []
    for number in range(1000):
        flow = Flow(number, 443, at_us=number * 10)
        for n in range(20):
            flow.segment(b"", up=n % 2 == 0, flags=ACK, wait_us=5000)
        padded = [Packet(p.time_us, p.data.ljust(60, b"\0"), p.port_at) for p in flow.packets]
        flows.append(padded)
    return Tile(flows, 100_000)


PROFILES: dict[str, Callable[[], Tile]] = {
    "office": _office,
    "bulk": _bulk,
    "dns": _dns,
    "quic": _quic_heavy,
    "handshakes": _handshakes,
    "small": _small,
}


def write_profile(name: str, path: Path, size_bytes: int) -> int:
    """Write a capture of about `size_bytes` of a profile; returns the number of packets."""
    return write(path, PROFILES[name](), size_bytes)


#: Flows written at once by `concurrent` and `syn_flood`.
_CHUNK = 50_000
_ADDRESS_AT, _PORT_AT, _SEQ_AT = 26, 34, 38


def _rows(flow: Flow) -> list[bytes]:
    return [packet.data for packet in flow.packets]


def concurrent(path: Path, flows: int, packets: int, *, of: int) -> int:
    """`of` TLS connections of so many packets, `flows` open at a time: each of those sends in turn, a hello
    first, then segments, at last a reset; then come the next.

    Returns the number of packets. The whole lasts a minute, so that no connection is ever idle for long.
    """
    flow = Flow(0, 443, at_us=0)
    flow.segment(client_hello("busy.example.org", key_share=32), up=True)
    for _ in range(packets - 2):
        flow.segment(bytes(100), up=True)
    flow.segment(b"", up=True, flags=RST)
    return write_rows(path, _in_turn(_rows(flow), flows, of))


def _in_turn(frames: list[bytes], flows: int, of: int) -> Iterator[tuple[bytes, Any, dict[int, Any]]]:
    step, sent = 60_000_000 / (of * len(frames)), 0
    for begin in range(0, of, flows):
        for frame in frames:
            for first in range(begin, begin + flows, _CHUNK):
                number = np.arange(first, min(first + _CHUNK, begin + flows), dtype=np.int64)
                times = ((sent + np.arange(number.size)) * step).astype(np.int64)
                sent += number.size
                yield frame, times, _tuples(number)


def _tuples(number: Any) -> dict[int, Any]:
    """Client address and port of flows by number: 60,000 ports of each address."""
    return {
        _ADDRESS_AT: (4, 0x0A000001 + number // 60_000),
        _PORT_AT: (2, FIRST_PORT + number % 60_000),
    }


def syn_flood(path: Path, syns: int, named: int, *, per_second: int = 500_000) -> int:
    """`syns` SYNs from random addresses; evenly among them `named` connections r000.example …

    Returns the number of packets.
    """
    return write_rows(path, _flood(syns, named, per_second))


def _flood(syns: int, named: int, per_second: int) -> Iterator[tuple[bytes, Any, dict[int, Any]]]:
    random_numbers = np.random.default_rng(SEED)
    flow = Flow(0, 443, at_us=0)
    flow.segment(b"", up=True, flags=SYN)
    (syn,) = _rows(flow)
    part = max(1, syns // named)
    for n in range(named):
        first = n * part
        for begin in range(first, first + part, _CHUNK):
            number = np.arange(begin, min(begin + _CHUNK, first + part), dtype=np.int64)
            times = number * 1_000_000 // per_second
            sources = random_numbers.integers(0x0B000000, 0xDF000000, number.size)
            ports = random_numbers.integers(1024, 65536, number.size)
            yield syn, times, {_ADDRESS_AT: (4, sources), _PORT_AT: (2, ports)}
        yield from _named(n, (first + part) * 1_000_000 // per_second)


def _named(number: int, at_us: int) -> Iterator[tuple[bytes, Any, dict[int, Any]]]:
    """One whole connection, all its frames within a millisecond."""
    flow = Flow(number, 443, at_us=at_us)
    flow.segment(b"", up=True, flags=SYN, wait_us=1)
    flow.segment(b"", up=False, flags=SYN_ACK, wait_us=1)
    flow.segment(client_hello(f"r{number:03d}.example"), up=True, wait_us=1)
    for packet in flow.packets:
        port = np.array([FIRST_PORT + number])
        yield packet.data, np.array([packet.time_us]), {packet.port_at: (2, port)}
