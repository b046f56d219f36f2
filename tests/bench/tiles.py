"""Large captures quickly: a second of interleaved traffic is built once, then repeated with other ports.

A `Tile` holds every frame of some hundred flows in the order a wire would show them, as one block of pcap
records. Copying the block and overwriting times, client ports and serial numbers in place (NumPy, by
offset) gives the next stretch of the same traffic with new connections, far faster than building frames.
Packets of a flow that lasts beyond the tile's end wrap round to its beginning and there belong to the
previous repetition: so as many flows are open at the end of a tile as in its middle, and the very first
repetition begins, as real captures do, in the middle of some connections.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

START_S = 1_794_200_000
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
RECORD_BYTES = 16
#: Client ports used one after the other by a flow's repetitions.
FIRST_PORT, PORTS = 1024, 64_000
#: Digits of the decimal serial number that a name may carry.
DIGITS = 8

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packet:
    """One frame of a flow: when it passes, and where what changes from repetition to repetition stands."""

    time_us: int
    data: bytes
    #: offset of the client's port in `data`
    port_at: int
    #: offset of DIGITS decimal digits that become the flow's serial number, or -1
    serial_at: int = -1


class Tile:
    """Frames of `flows` interleaved over `span_us`, ready to be repeated."""

    def __init__(self, flows: Iterable[Iterable[Packet]], span_us: int) -> None:
        rows = [
            (packet.time_us % span_us, packet.time_us // span_us, number, packet)
            for number, flow in enumerate(flows)
            for packet in flow
        ]
        rows.sort(key=lambda row: (row[0], row[1], row[2]))
        self.span_us, self.packets = span_us, len(rows)
        self.flows = 1 + max(row[2] for row in rows)
        sizes = np.array([len(row[3].data) for row in rows], np.int64)
        self._begins = np.cumsum(sizes + RECORD_BYTES) - sizes - RECORD_BYTES
        self._times = np.array([row[0] for row in rows], np.int64)
        self._back = np.array([row[1] for row in rows], np.int64)
        self._flow = np.array([row[2] for row in rows], np.int64)
        self._port_at = self._begins + RECORD_BYTES + np.array([row[3].port_at for row in rows], np.int64)
        serial_at = np.array([row[3].serial_at for row in rows], np.int64)
        self._numbered = np.flatnonzero(serial_at >= 0)
        self._serial_at = (self._begins + RECORD_BYTES + serial_at)[self._numbered]
        block = b"".join(
            struct.pack("<IIII", 0, 0, len(row[3].data), len(row[3].data)) + row[3].data for row in rows
        )
        self._block = np.frombuffer(block, np.uint8).copy()

    @property
    def size(self) -> int:
        """Bytes of one repetition."""
        return self._block.size

    def repetition(self, number: int) -> npt.NDArray[np.uint8]:
        """The tile for the `number`th time; the array is overwritten by the next call."""
        time = self._times + number * self.span_us
        _put(self._block, self._begins, 4, START_S + time // 1_000_000, little=True)
        _put(self._block, self._begins + 4, 4, time % 1_000_000, little=True)
        generation = number - self._back
        _put(self._block, self._port_at, 2, FIRST_PORT + (generation + 7 * self._flow) % PORTS)
        serial = (generation * self.flows + self._flow)[self._numbered] % 10**DIGITS
        for place in range(DIGITS):
            digit = serial // 10 ** (DIGITS - 1 - place) % 10
            self._block[self._serial_at + place] = 0x30 + digit
        return self._block


def _put(block: npt.NDArray[np.uint8], at: Offsets, width: int, values: Any, *, little: bool = False) -> None:
    """Write `values` as `width`-byte integers at the offsets `at`."""
    for byte in range(width):
        shift = 8 * (byte if little else width - 1 - byte)
        block[at + byte] = values >> shift & 0xFF


def write(path: Path, tile: Tile, size_bytes: int) -> int:
    """Repeat a tile until the capture has about `size_bytes`; returns the number of packets."""
    repetitions = max(1, size_bytes // tile.size)
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for number in range(repetitions):
            file.write(tile.repetition(number).data)
    return repetitions * tile.packets


def write_rows(path: Path, chunks: Iterator[tuple[bytes, Offsets, dict[int, Any]]]) -> int:
    """Write captures of equal frames. A chunk: frame, times in µs, and {offset: (width, values)} to set.

    Returns the number of packets.
    """
    packets = 0
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for frame, times, fields in chunks:
            record = np.frombuffer(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame, np.uint8)
            block = np.tile(record, times.size)
            begins = np.arange(times.size, dtype=np.int64) * record.size
            _put(block, begins, 4, START_S + times // 1_000_000, little=True)
            _put(block, begins + 4, 4, times % 1_000_000, little=True)
            for offset, (width, values) in fields.items():
                _put(block, begins + RECORD_BYTES + offset, width, values)
            file.write(block.data)
            packets += times.size
    return packets
