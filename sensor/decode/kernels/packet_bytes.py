"""Reads packet bytes in kernels, always checked against the captured end of the packet.

A buffer contains many packets, so its bound is not that of a packet, and a negative index would wrap. Reads
past the end return -1, which no valid field has.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.jit import big_endian_load, copy_bytes, kernel, prefetching, step
from sensor.decode.layout import Bytes, Records, i64

_byte = big_endian_load(8)
_half = big_endian_load(16)
_word = big_endian_load(32)
_double = big_endian_load(64)
_copy = copy_bytes()
_fetch = prefetching()

#: Byte masks for operations on eight bytes at once: 0x01, 0x7F and 0xE0 in each.
_ONES, _LOW = np.uint64(0x0101010101010101), np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH = np.uint64(0xE0E0E0E0E0E0E0E0)
_ZERO, _QUOTES, _SLASHES = np.uint64(0), np.uint64(0x2222222222222222), np.uint64(0x5C5C5C5C5C5C5C5C)


@kernel
def u8(data: Bytes, at: int, end: int) -> int:
    """The byte at `at`, or -1."""
    if at < 0 or at >= end or end > data.size:
        return -1
    return i64(_byte(data, at))


@kernel
def be16(data: Bytes, at: int, end: int) -> int:
    """Two bytes, most significant first, or -1."""
    if at < 0 or at + 2 > end or end > data.size:
        return -1
    return i64(_half(data, at))


@kernel
def be32(data: Bytes, at: int, end: int) -> int:
    """Four bytes, most significant first, or -1."""
    if at < 0 or at + 4 > end or end > data.size:
        return -1
    return i64(_word(data, at))


@kernel
def be48(data: Bytes, at: int, end: int) -> int:
    """Six bytes, most significant first, or -1."""
    high, low = be16(data, at, end), be32(data, at + 2, end)
    return -1 if high < 0 or low < 0 else high << 32 | low


@kernel
def le32(data: Bytes, at: int, end: int) -> int:
    """Four bytes, least significant first, or -1."""
    value = be32(data, at, end)
    if value < 0:
        return -1
    return (value & 0xFF) << 24 | (value & 0xFF00) << 8 | value >> 8 & 0xFF00 | value >> 24


@kernel
def le16(data: Bytes, at: int, end: int) -> int:
    """Two bytes, least significant first, or -1."""
    value = be16(data, at, end)
    return value if value < 0 else (value & 0xFF) << 8 | value >> 8


@step
def holds(data: Bytes, at: int, end: int, size: int) -> bool:
    """True if data[at : at + size] is within the packet, so that the `sure_*` functions may read it."""
    return at >= 0 and at + size <= end and end <= data.size


@step
def sure_8(data: Bytes, at: int) -> int:
    """A byte that `holds` has checked."""
    return i64(_byte(data, at))


@step
def sure_16(data: Bytes, at: int) -> int:
    """Two bytes that `holds` has checked, most significant first."""
    return i64(_half(data, at))


@step
def sure_32(data: Bytes, at: int) -> int:
    """Four bytes that `holds` has checked, most significant first."""
    return i64(_word(data, at))


@step
def sure_64(data: Bytes, at: int) -> np.uint64:
    """Eight bytes that `holds` has checked, most significant first."""
    return _double(data, at)


@step
def word(data: Bytes, at: int, end: int) -> np.uint64:
    """Eight bytes as an unsigned word, most significant first; bytes past the end read as zero."""
    if at >= 0 and at + 8 <= end and end <= data.size:
        return _double(data, at)
    value = np.uint64(0)
    for i in range(8):
        byte = u8(data, at + i, end)
        value = value << np.uint64(8) | np.uint64(byte if byte > 0 else 0)
    return value


@step
def _zeros(eight: np.uint64) -> np.uint64:
    """0x80 for each of eight bytes that is 0, else 0."""
    return ~(((eight & _LOW) + _LOW) | eight | _LOW)


@step
def _first(flags: np.uint64) -> int:
    """The index of the first flagged byte of eight; there must be one."""
    place = 0
    if flags >> np.uint64(32) == _ZERO:
        place, flags = 4, flags << np.uint64(32)
    if flags >> np.uint64(48) == _ZERO:
        place, flags = place + 2, flags << np.uint64(16)
    return place if flags >> np.uint64(56) != _ZERO else place + 1


@kernel
def find(data: Bytes, at: int, end: int, sign: int) -> int:
    """The first offset from `at` of the byte `sign`, or `end`."""
    repeated = np.uint64(sign) * _ONES
    while holds(data, at, end, 8):
        flags = _zeros(_double(data, at) ^ repeated)
        if flags != _ZERO:
            return at + _first(flags)
        at += 8
    while at < end and u8(data, at, end) != sign:
        at += 1
    return at


@kernel
def find_quote(data: Bytes, at: int, end: int) -> int:
    """The first offset from `at` of a quote, backslash or control character, or `end`."""
    while holds(data, at, end, 8):
        eight = _double(data, at)
        flags = _zeros(eight ^ _QUOTES) | _zeros(eight ^ _SLASHES) | _zeros(eight & _HIGH)
        if flags != _ZERO:
            return at + _first(flags)
        at += 8
    while at < end:
        byte = u8(data, at, end)
        if byte < 32 or byte == 34 or byte == 92:
            break
        at += 1
    return at


@kernel
def copy(data: Bytes, at: int, size: int, target: Bytes, to: int) -> None:
    """Copy data[at : at + size] to target[to:]; nothing if either does not reach that far."""
    if at >= 0 and to >= 0 and size > 0 and at + size <= data.size and to + size <= target.size:
        _copy(data, at, size, target, to)


@step
def fetch(array: Records, at: int, lines: int) -> None:
    """Prefetch the cache lines (at most two) at byte `at` of an array."""
    _fetch(array, at)
    if lines > 1:
        _fetch(array, at + 64)
