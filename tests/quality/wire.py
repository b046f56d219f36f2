"""Exchanges as packets: what the sensor reads of a connection whose records and their times are given.

A connection is a list of events (microseconds, side, sizes): records of these sizes (the length field of
their headers) written together by "up", the client, or "down", the server. The stream is cut into segments
where each write ends and at full ones, as TCP does for writers that do not wait for more.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from tests.bench.traffic import client_hello
from tests.sensor.decode.craft import Frame, decode, ethernet, ip, pcap, tcp, udp

#: Long before midnight, so that no capture of these crosses a day.
BEGIN_S = 1_800_000_000.0
SEGMENT = 1448
_SYN, _ACK, _PUSH, _FIN = 2, 16, 24, 17
_SERVER_FLIGHT = (90, 1, 40, 3000, 281, 69)


class Event(NamedTuple):
    """Records written together."""

    at_us: int
    side: str
    sizes: Sequence[int]


class Connection(NamedTuple):
    """What passed on a connection; `quic` if the sizes are those of datagrams."""

    events: Sequence[Event]
    quic: bool = False
    closed: bool = True


def record(size: int, kind: int = 23) -> bytes:
    """A TLS record with a body of so many bytes."""
    return struct.pack(">BHH", kind, 0x0303, size) + bytes(size)


def address(number: int) -> str:
    """A client of its own for each connection."""
    return f"10.{40 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


def frames(
    connection: Connection,
    number: int,
    server: str = "203.0.113.9",
    *,
    segment_bytes: int = SEGMENT,
    first: int = 9000,
) -> list[Frame]:
    """The packets of a connection, the hello first; `first` is the server's first sequence number, and
    it fills segments of `segment_bytes`."""
    if connection.quic:
        return _datagrams(connection, number, server)
    client, port = address(number), 20_000 + number % 40_000
    made: list[Frame] = []
    sent = {"up": 1000, "down": first}

    def put(at_us: int, side: str, flags: int, payload: bytes = b"") -> None:
        up = side == "up"
        ends = (port, 443) if up else (443, port)
        other = "down" if up else "up"
        segment = tcp(*ends, sent[side], 0 if flags == _SYN else sent[other], flags, payload)
        packet = ip(*((client, server) if up else (server, client)), 6, segment)
        made.append(Frame(ethernet(packet), BEGIN_S + at_us / 1e6))
        sent[side] = sent[side] + len(payload) + (1 if flags in (_SYN, _SYN | _ACK, _FIN) else 0) & 0xFFFFFFFF

    def write(at_us: int, side: str, data: bytes) -> None:
        step = segment_bytes if side == "down" else SEGMENT
        for at in range(0, len(data), step):
            put(at_us, side, _PUSH if at + step >= len(data) else _ACK, data[at : at + step])

    put(0, "up", _SYN)
    put(20_000, "down", _SYN | _ACK)
    put(20_100, "up", _ACK)
    write(20_200, "up", client_hello(f"host{number}.example.net", key_share=32))
    write(40_000, "down", b"".join(record(size, 22 if at == 0 else 20 if at == 1 else 23)
                                   for at, size in enumerate(_SERVER_FLIGHT)))  # fmt: skip
    write(40_200, "up", record(1, 20) + record(69))
    end = 40_200
    for at_us, side, sizes in connection.events:
        end = 60_000 + at_us
        write(end, side, b"".join(map(record, sizes)))
    if connection.closed:
        put(end + 20_000, "up", _FIN)
        put(end + 20_100, "down", _FIN)
    return made


def _datagrams(connection: Connection, number: int, server: str) -> list[Frame]:
    client, port = address(number), 20_000 + number % 40_000
    initial = b"\xc3\0\0\0\1\x08" + bytes(8) + b"\0\0\x44\x9e" + bytes(1182)
    sent = [(0, "up", initial), (20_000, "down", initial)]
    sent += [
        (60_000 + at, side, b"\x41" + bytes(size - 1))
        for at, side, sizes in connection.events
        for size in sizes
    ]
    made = []
    for at_us, side, data in sent:
        up = side == "up"
        datagram = udp(*((port, 443) if up else (443, port)), data)
        packet = ip(*((client, server) if up else (server, client)), 17, datagram)
        made.append(Frame(ethernet(packet), BEGIN_S + at_us / 1e6))
    return made


def shown(connections: Iterable[Connection], spoil: Spoil | None = None) -> pl.DataFrame:
    """What the sensor says of each connection: one row each, in their order, with the surest class
    (`stream_like`, NULL if nothing was judged) and sums of turns."""
    everything: list[Frame] = []
    count = 0
    for count, connection in enumerate(connections, 1):
        everything += frames(connection, count)
    if spoil is not None:
        everything = spoil(everything)
    everything.sort(key=lambda frame: frame.time)
    # time goes on behind the last packet, so that what was going on is known to be over
    late = everything[-1].time + 60
    everything.append(Frame(ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(9, 9, b""))), late))
    rows = decode(pcap(everything))["observations"]
    order = {address(number): number for number in range(1, count + 1)}
    numbers = pl.DataFrame({"client": list(order), "number": list(order.values())})
    said = rows.group_by("client").agg(
        pl.col("stream_like").drop_nulls().min(),  # A < A+ < B < none, as text
        pl.col("stream_like").eq_missing("A+").any().alias("sure"),
        pl.col("judged_turns", "stream_turns").sum(),
    )
    told = numbers.join(said, on="client", how="left", maintain_order="left")
    return told.with_columns(stream_like=pl.when("sure").then(pl.lit("A+")).otherwise("stream_like"))


class Spoil(NamedTuple):
    """What a capture point may do to packets; shares and seconds."""

    lost: float = 0.0
    twice: float = 0.0
    jitter_s: float = 0.0
    snap: int = 0
    seed: int = 1

    def __call__(self, whole: list[Frame]) -> list[Frame]:
        """The packets as the sensor sees them."""
        chance = random.Random(self.seed)
        seen = []
        for frame in whole:
            if chance.random() < self.lost:
                continue
            late = frame.time + chance.random() * self.jitter_s
            length = len(frame.data)
            kept = Frame(frame.data[: self.snap] if self.snap else frame.data, late, length)
            seen.append(kept)
            if chance.random() < self.twice:
                seen.append(Frame(kept.data, late + 0.001, length))
        return seen
