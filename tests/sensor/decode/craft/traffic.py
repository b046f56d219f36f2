"""Traffic of many kinds at once, and what is done to it."""

from __future__ import annotations

import itertools
import random
from typing import Any

import polars as pl

from tests.sensor.decode.craft import (
    ACK,
    T0,
    Frame,
    Talk,
    tcp,
    udp,
)
from tests.sensor.decode.craft.dns import HOST, POINTER, answer, framed, message, question
from tests.sensor.decode.craft.fragments import parts
from tests.sensor.decode.craft.http2 import REQUEST
from tests.sensor.decode.craft.quic import crypto, datagrams, seal
from tests.sensor.decode.craft.tls import FLIGHT, NAMELESS, record, small_hello


def flows_of(observations: pl.DataFrame) -> dict[tuple[str, int], dict[str, Any]]:
    """Name and bytes per flow, slices added up."""
    whole = observations.group_by("client", "client_port").agg(
        pl.col("host").drop_nulls().unique(), pl.col("bytes_up").sum(), pl.col("started_at").n_unique()
    )
    return {(row["client"], row["client_port"]): row for row in whole.to_dicts()}


#: as far apart as copies of a frame may be, and as far as a mirror port may mix up their order
WINDOW_S = 0.05


def shuffled(frames: list[Frame], seed: int) -> list[Frame]:
    """Every frame up to 50 ms late, stamped by who captured it in that order."""
    chance = random.Random(seed)
    late = sorted(frames, key=lambda frame: frame.time + chance.random() * WINDOW_S)
    times = sorted(frame.time for frame in frames)
    return [Frame(frame.data, time) for frame, time in zip(late, times, strict=True)]


def mixed_traffic(connections: int = 60) -> list[Frame]:
    """Hellos in pieces, requests, lookups, QUIC, long and reset connections, interleaved."""
    chance = random.Random(3)
    frames: list[Frame] = []
    for n in range(connections):
        talk = Talk(port=2000 + n, now=T0 + chance.random() * 200, up=chance.getrandbits(32)).shake()
        hello = small_hello(f"host{n % 7}.example".encode(), padding=chance.randrange(1500))
        first = hello if n % 3 else b"GET /p HTTP/1.1\r\nHost: plain.example\r\n\r\n"
        cut = chance.randrange(1, len(first))
        talk.send(first[:cut], acknowledged=False).send(first[cut:])
        for _ in range(chance.randrange(12)):
            talk.now += chance.random() * 30
            talk.reply(bytes(chance.randrange(1400))).send(bytes(chance.randrange(300)))
        frames += talk.close().frames if n % 2 else talk.frames
        frames += [
            question(message(HOST, ident=n), n * 3.1),
            answer(message(HOST, ident=n, answers=[]), n * 3.1 + 4),
        ]
    hello = small_hello(b"quic.example", padding=900)[5:]
    frames += datagrams([seal(crypto(0, hello[:600]), 1), seal(crypto(600, hello[600:]), 2)])
    frames += [frame for n in range(max(1, connections // 12)) for frame in seldom_traffic(n, chance)]
    return sorted(frames, key=lambda f: f.time)


def seldom_traffic(number: int, chance: random.Random) -> list[Frame]:
    """Cleartext HTTP/2, a certificate, DNS over TCP, SOCKS, fragments; cut anywhere."""
    starts = {"port": 20_000 + number, "now": T0 + chance.random() * 200}
    lookups = framed(message(HOST, ident=number)) * 3
    answers = framed(message(HOST, ident=number, answers=[(POINTER, 1, bytes([104, 18, 1, number]))])) * 3
    said = {
        8080: (REQUEST, b""),
        8443: (record(NAMELESS), FLIGHT),
        53: (lookups, answers),
        1080: (b"\5\1\0", b"\5\0"),
    }
    frames: list[Frame] = []
    for server_port, (asked, told) in said.items():
        talk = Talk(server_port=server_port, **starts).shake()
        for piece in _pieces(asked, chance):
            talk.send(piece, acknowledged=False)
        for piece in _pieces(told, chance):
            talk.reply(piece)
        frames += talk.frames
    datagrams_of = [
        (17, udp(53, 41_000, message(HOST, ident=number, answers=[(POINTER, 28, bytes(16))] * 60))),
        (17, udp(41_000 + number, 443, seal(crypto(0, small_hello(b"parts.example")[5:]), number, size=900))),
        (6, tcp(42_000 + number, 443, 1, 1, ACK, small_hello(b"segments.example", padding=900))),
    ]
    for at, (protocol, body) in enumerate(datagrams_of):
        fragments = parts(body, 8 * chance.randrange(20, 90), number=10 * number + at, protocol=protocol)
        chance.shuffle(fragments)
        frames += [Frame(f, starts["now"] + at + n / 1000) for n, f in enumerate(fragments)]
    return frames


def _pieces(stream: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.sample(range(1, len(stream)), 2)) if len(stream) > 9 else []
    return [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])] if stream else []


def poison(frame: Frame) -> list[Frame]:
    """Frames that tempt a parser to read beyond its packet: all ones, and a hello's own bytes."""
    return [Frame(b"\xff" * 64, frame.time), Frame(frame.data[:14] + b"\x16\x03\x01" * 30, frame.time)]
