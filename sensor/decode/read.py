"""The only way kernels read packet bytes: checked against the packet's own captured end.

A buffer holds many packets, so a buffer bound is not a packet bound; and a negative index would wrap.
Past the end every read gives -1, which no valid field has.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.jit import kernel
from sensor.decode.layout import Bytes, i64


@kernel
def u8(data: Bytes, at: int, end: int) -> int:
    """The byte at `at`, or -1."""
    if at < 0 or at >= end or end > data.size:
        return -1
    return i64(data[at])


@kernel
def be16(data: Bytes, at: int, end: int) -> int:
    """Two bytes, most significant first, or -1."""
    if at < 0 or at + 2 > end or end > data.size:
        return -1
    return i64(data[at]) << 8 | i64(data[at + 1])


@kernel
def be32(data: Bytes, at: int, end: int) -> int:
    """Four bytes, most significant first, or -1."""
    if at < 0 or at + 4 > end or end > data.size:
        return -1
    high = i64(data[at]) << 8 | i64(data[at + 1])
    return high << 16 | i64(data[at + 2]) << 8 | i64(data[at + 3])


@kernel
def le32(data: Bytes, at: int, end: int) -> int:
    """Four bytes, least significant first, or -1."""
    if at < 0 or at + 4 > end or end > data.size:
        return -1
    low = i64(data[at]) | i64(data[at + 1]) << 8
    return low | i64(data[at + 2]) << 16 | i64(data[at + 3]) << 24


@kernel
def word(data: Bytes, at: int, end: int) -> np.uint64:
    """Eight bytes as an unsigned word, most significant first; bytes past the end read as zero."""
    if at + 8 <= end:
        return np.uint64(be32(data, at, end)) << np.uint64(32) | np.uint64(be32(data, at + 4, end))
    value = np.uint64(0)
    for i in range(8):
        byte = u8(data, at + i, end)
        value = value << np.uint64(8) | np.uint64(byte if byte > 0 else 0)
    return value


@kernel
def digest(data: Bytes, at: int, end: int, state: np.uint64) -> np.uint64:
    """`state` stirred with the bytes of data[at:end] (FNV-1a's step); checked once for all."""
    for k in range(max(at, 0), min(end, data.size)):
        state = (state ^ np.uint64(data[k])) * np.uint64(0x100000001B3)
    return state
