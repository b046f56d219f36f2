"""Captures of other tools (snoop, Network Monitor, Sniffer, iptrace, Endace ERF) as a pcapng stream.

They are rare and small, so each record is converted in Python while it is read. An inconsistent or truncated
record ends the stream with a word of zeros, at which the pcapng reader reports where the capture became
unreadable.

References: snoop, RFC 1761; the others, the readers of Wireshark's wiretap library (netmon, netxray, iptrace,
erf) and Endace's description of its record types.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import IO, NamedTuple

from sensor.chunks import ChunkStream

_ETHERNET, _TOKEN_RING, _FDDI, _PPP, _SUNATM, _ERF = 1, 6, 10, 9, 123, 197
_UNKNOWN = 147  # reserved for private use: counted as not decoded
_MAX_RECORD = 1 << 19
_MICROSECONDS = 1_000_000
_BUFFER = 1 << 18


class Record(NamedTuple):
    """One packet of a capture."""

    time_us: int
    link: int
    #: on the wire
    length: int
    data: bytes


Reader = Callable[[IO[bytes]], Iterator[Record]]


class _CutError(Exception):
    """The capture ends, or is inconsistent, inside a record."""


def _take(stream: IO[bytes], size: int) -> bytes:
    """The next `size` bytes; empty at the end of the capture. Raises `_CutError` if there are fewer."""
    if not 0 <= size <= _MAX_RECORD:
        raise _CutError
    data = stream.read(size)
    if data and len(data) < size:
        raise _CutError
    return data


def _need(stream: IO[bytes], size: int) -> bytes:
    """As `_take`, but raises at the end of the capture."""
    data = _take(stream, size)
    if len(data) < size:
        raise _CutError
    return data


def _snoop(stream: IO[bytes]) -> Iterator[Record]:
    links = {0: _ETHERNET, 2: _TOKEN_RING, 4: _ETHERNET, 8: _FDDI, 18: _SUNATM}
    _, _, kind = struct.unpack(">8sII", _need(stream, 16))
    while head := _take(stream, 24):
        length, captured, size, _, seconds, micros = struct.unpack(">6I", head)
        body = _need(stream, size - 24)
        if captured > len(body):
            raise _CutError
        time_us = seconds * _MICROSECONDS + micros
        yield Record(time_us, links.get(kind, _UNKNOWN), length, body[:captured])


_NETMON_LINKS = {1: _ETHERNET, 2: _TOKEN_RING, 3: _FDDI, 4: _UNKNOWN}


def _netmon(stream: IO[bytes]) -> Iterator[Record]:
    """Versions 1 and 2: records follow one another from byte 128 to the table of their places."""
    head = _need(stream, 128)
    version, kind = (head[5], head[4]), int.from_bytes(head[6:8], "little")
    year, month, _, day, hour, minute, second, millis = struct.unpack_from("<8H", head, 8)
    try:
        moment = datetime(year, month, day, hour, minute, second, millis % 1000 * 1000, UTC)
    except ValueError:
        raise _CutError from None
    began = round(moment.timestamp() * _MICROSECONDS)
    at, table = len(head), int.from_bytes(head[24:28], "little")
    is_old = version[0] < 2
    # After a packet: its network; since 2.2 a process; since 2.3 the time again, and a zone.
    trailer = 0 if version < (2, 1) else 2 if version < (2, 2) else 6 if version < (2, 3) else 15
    while at < table and (head := _take(stream, 8 if is_old else 16)):
        passed, length, captured = struct.unpack("<IHH" if is_old else "<QII", head)
        data, end = _need(stream, captured), _need(stream, trailer) if trailer else b""
        network = int.from_bytes(end[:2], "little") if end else kind
        # 0xE000 and above: a link type of pcap.
        link = network & 0xFFF if network >> 12 == 0xE else _NETMON_LINKS.get(network, _UNKNOWN)
        at += len(head) + captured + trailer
        yield Record(began + passed * (1000 if is_old else 1), link, length, data)


def _netxray(stream: IO[bytes]) -> Iterator[Record]:
    """Sniffer for Windows 1.x and 2.x."""
    head = _need(stream, 128)
    is_old = head[4:7] != b"002"
    began, _, _, first, last = struct.unpack_from("<5I", head, 12)
    ticks = (1_000_000, 1_193_000, 1_193_180)[min(head[48], 2)]
    start = int.from_bytes(head[52:60], "little")
    link = {0: _ETHERNET, 1: _TOKEN_RING, 2: _FDDI, 3: _PPP}.get(head[44], _UNKNOWN)
    at = len(head) + len(_need(stream, first - len(head)) if first > len(head) else b"")
    size = 28 if is_old else 40
    while at < last and (head := _take(stream, size)):
        tick, length, captured = struct.unpack_from("<QHH", head)
        at += size + captured
        yield Record(
            began * _MICROSECONDS + (tick - start) * _MICROSECONDS // ticks,
            link, length, _need(stream, captured),
        )  # fmt: skip


def _iptrace(stream: IO[bytes]) -> Iterator[Record]:
    """AIX, versions 1.0 and 2.0; the interface's type is that of RFC 1573."""
    links = {6: _ETHERNET, 7: _ETHERNET, 9: _TOKEN_RING, 15: _FDDI, 23: _PPP}
    is_old = _need(stream, 11)[8:9] == b"1"
    size, counted = (30, 22) if is_old else (40, 32)
    while head := _take(stream, size):
        length, seconds = struct.unpack_from(">II", head)
        micros = 0
        if not is_old:
            seconds, nanos = struct.unpack_from(">II", head, 32)
            micros = nanos // 1000
        data = _need(stream, length - counted)
        yield Record(seconds * _MICROSECONDS + micros, links.get(head[28], _UNKNOWN), len(data), data)


def _erf(stream: IO[bytes]) -> Iterator[Record]:
    """Records are passed on whole: link type 197 says what is in them."""
    while head := _take(stream, 16):
        fraction, seconds = struct.unpack_from("<II", head)
        size, _, length = struct.unpack_from(">HHH", head, 10)
        body = _need(stream, size - 16)
        time_us = seconds * _MICROSECONDS + (fraction * _MICROSECONDS >> 32)
        yield Record(time_us, _ERF, max(size, 18 + length), head + body)


def _is_erf(head: bytes) -> bool:
    """ERF has no magic number: three consecutive records (or all) must be plausible."""
    at, found = 0, 0
    while at + 16 <= len(head) and found < 3:
        seconds, kind, flags = struct.unpack_from("<4xIBB", head, at)
        size, _, length = struct.unpack_from(">HHH", head, at + 10)
        is_meta = kind & 0x7F == _ERF_META
        is_dated = _FIRST_DATE < seconds < _LAST_DATE or (is_meta and seconds == 0)
        if not is_dated or not (is_meta or kind & 0x7F in _ERF_TYPES) or flags & 0xC0 or size <= 16:
            return False
        if not is_meta and length + 64 < size - 16:  # more captured than there was
            return False
        at, found = at + size, found + 1
    return found == 3 or (found > 0 and at == len(head))


_ERF_META = 27
_FIRST_DATE, _LAST_DATE = 631_152_000, 4_102_444_800  # 1990, 2100
_ERF_TYPES = frozenset((1, 2, 3, 10, 11, 15, 16, 17, 19, 20, 22, 23))
_MAGIC: tuple[tuple[bytes, Reader], ...] = (
    (b"snoop\0\0\0", _snoop),
    (b"GMBU", _netmon),
    (b"RTSS", _netmon),
    (b"XCP\0", _netxray),
    (b"iptrace 1.0", _iptrace),
    (b"iptrace 2.0", _iptrace),
)


def reader(head: bytes) -> Reader | None:
    """The reader for a capture that begins with `head`; None if it has none of these formats."""
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    return _erf if _is_erf(head) else None


def first_time(head: bytes) -> int | None:
    """Time of the first packet, microseconds; None if none is in `head`."""
    found = reader(head)
    try:
        return next(found(io.BytesIO(head))).time_us if found else None
    except (_CutError, StopIteration):
        return None


def as_pcapng(stream: IO[bytes], found: Reader) -> tuple[IO[bytes], bytes]:
    """The capture as a pcapng stream that is made while it is read, and how that begins."""
    return io.BufferedReader(ChunkStream(_blocks(found(stream)), stream), _BUFFER), _SECTION


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


_SECTION = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def _blocks(found: Iterator[Record]) -> Iterator[bytes]:
    """Blocks of a pcapng, one interface for each link type."""
    yield _SECTION
    interfaces: dict[int, int] = {}
    try:
        for one in found:
            if one.link not in interfaces:
                interfaces[one.link] = len(interfaces)
                yield _block(1, struct.pack("<HHI", one.link, 0, 0))
            time_us = max(one.time_us, 0)
            head = struct.pack(
                "<5I", interfaces[one.link], time_us >> 32 & 0xFFFFFFFF, time_us & 0xFFFFFFFF,
                len(one.data), one.length,
            )  # fmt: skip
            yield _block(6, head + one.data)
    except _CutError:
        yield bytes(4)
