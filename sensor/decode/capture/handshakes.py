"""Copies the packets that open connections from a live block, before the block returns to the Linux kernel.

These are SYN segments without payload, the segments of a ClientHello, and datagrams that begin with a QUIC
Initial; nothing of requests or responses. They stay in memory until their connection is matched
(`sensor/evidence.py`).

Between two calls of `take` there is room for `BYTES` and `COUNT`; packets that do not fit are counted in
`missed`.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sensor.decode.capture.reader import Window
from sensor.decode.dissection.ip import DECODED, dissect
from sensor.decode.flows.table import SYN, distance
from sensor.decode.kernels.hashing import mix
from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import be16, copy
from sensor.decode.layout import PACKET, TCP, Bytes, Records, i64, records
from sensor.decode.quic.initials import is_initial
from sensor.decode.tcp.messages import HELLO, message_kind
from sensor.decode.tls import record_layer

#: Buffer sizes of a worker between two batches.
BYTES = 8 << 20
COUNT = 1 << 16

#: A copied packet: position of its bytes, and its connection (source first).
HANDSHAKE = np.dtype(
    [
        ("time", np.int64),  # microseconds
        ("offset", np.int64),
        ("captured", np.int64),
        ("length", np.int64),  # on the wire
        ("link", np.int64),
        ("address", np.uint64, (4,)),
        ("port", np.int64, (2,)),
        ("protocol", np.int64),
    ]
)

#: Slots for ClientHellos with further segments to come; a newer one replaces an older one.
_UNFINISHED = 1 << 14
_REST = np.dtype([("key", np.uint64), ("until", np.int64)])
#: Maximum size of a ClientHello.
_LONGEST_HELLO = 16384


class Kept(NamedTuple):
    """The packets copied since the last call: HANDSHAKE records, their bytes, and how many did not fit."""

    packets: Records
    data: Bytes
    missed: int


class Handshakes:
    """The opening packets copied by one worker."""

    def __init__(self) -> None:
        self._packet = records(PACKET, 1)
        self._rest = records(_REST, _UNFINISHED)
        self._made = records(HANDSHAKE, COUNT)
        self._data = np.zeros(BYTES, np.uint8)
        self._used = np.zeros(3, np.int64)  # packets, bytes, missed

    def add(self, window: Window) -> None:
        """Copy the frames of the window that open connections."""
        with np.errstate(over="ignore"):  # hashes overflow on purpose
            copy_handshakes(
                window.data, window.frames, window.count, self._packet, self._rest, self._made, self._data,
                self._used,
            )  # fmt: skip

    def take(self) -> Kept:
        """The packets copied since the last call."""
        count, size, missed = self._used.tolist()
        self._used[:] = 0
        return Kept(self._made[:count].copy(), self._data[:size].copy(), missed)


@kernel
def _key(packet: Records) -> np.uint64:
    """A hash of source and target."""
    source, target = packet["source"], packet["target"]
    state = mix(mix(np.uint64(1), source[0]), source[1])
    state = mix(mix(state, target[0]), target[1])
    return mix(state, np.uint64(packet["source_port"] << 16 | packet["target_port"]))


@kernel
def _hello_bytes(data: Bytes, packet: Records, rest: Records) -> int:
    """Number of bytes of a TCP payload that belong to a ClientHello, whose first segment has its length."""
    at, end = i64(packet["payload"]), i64(packet["end"])
    size, key = i64(packet["payload_bytes"]), _key(packet)
    slot = rest[key & np.uint64(rest.size - 1)]
    if message_kind(data, at, end) == HELLO and end - at >= record_layer.HEADER_BYTES:
        length = min(record_layer.HEADER_BYTES + be16(data, at + 3, end), _LONGEST_HELLO)
        slot["key"], slot["until"] = key, (packet["seq"] + length) & 0xFFFFFFFF
        return min(size, length)
    if slot["key"] != key:
        return 0
    left = distance(i64(slot["until"]), i64(packet["seq"]))
    return min(size, left) if 0 < left < _LONGEST_HELLO else 0


@kernel
def _wanted_end(data: Bytes, packet: Records, rest: Records) -> int:
    """End of the part of a frame to copy; -1 if none."""
    if packet["protocol"] != TCP:
        return packet["end"] if is_initial(data, packet) else -1
    size = _hello_bytes(data, packet, rest) if packet["payload"] < packet["end"] else 0
    return packet["payload"] + size if size > 0 or packet["flags"] & SYN else -1


@entry
def copy_handshakes(data: Bytes, frames: Records, count: int, packets: Records, rest: Records, made: Records,
         kept: Bytes, used: Records) -> None:  # fmt: skip
    """Copy the opening packets among frames[:count] to `kept`, with a record each in `made`."""
    packet = packets[0]
    for i in range(count):
        if dissect(data, frames[i], packet) != DECODED:
            continue
        at = i64(frames[i]["offset"])
        captured = min(i64(frames[i]["captured"]), _wanted_end(data, packet, rest) - at)
        if captured <= 0:
            continue
        if used[0] == made.size or used[1] + captured > kept.size:
            used[2] += 1
            continue
        out = made[used[0]]
        out["time"], out["offset"], out["captured"] = frames[i]["time"], used[1], captured
        out["length"], out["link"] = frames[i]["length"], frames[i]["link"]
        out["protocol"] = packet["protocol"]
        for side in range(2):
            out["address"][side], out["address"][2 + side] = packet["source"][side], packet["target"][side]
        out["port"][0], out["port"][1] = packet["source_port"], packet["target_port"]
        copy(data, at, captured, kept, used[1])
        used[0] += 1
        used[1] += captured
