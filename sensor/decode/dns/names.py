"""Names in DNS messages (RFC 1035 §3.1, §4.1.4) as text.

Lower case (resolvers randomise the case) and without the final dot; a byte inside a label that is no
letter, digit, hyphen or underscore is written as \\DDD, so that no label can pretend to be two.
"""

from __future__ import annotations

from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, u8
from sensor.decode.layout import Bytes

#: Longest name as text: 255 bytes, each escaped.
NAME_TEXT = 1024
#: Maximum compression pointers per name; each must point further back than the one before.
_POINTERS = 32


@kernel
def _put_byte(names: Bytes, at: int, byte: int) -> int:
    if 65 <= byte <= 90:
        byte += 32
    if 97 <= byte <= 122 or 48 <= byte <= 57 or byte == 45 or byte == 95:
        names[at] = byte
        return at + 1
    names[at], names[at + 1] = 92, 48 + byte // 100
    names[at + 2], names[at + 3] = 48 + byte // 10 % 10, 48 + byte % 10
    return at + 4


@kernel
def read_name(data: Bytes, base: int, at: int, end: int, names: Bytes, used: int) -> int:
    """Write the name at `at` of the message at `base` to names[used:] as text; returns its length, or -1."""
    to, left, lowest = used, 255, at
    for _ in range(_POINTERS):
        size = u8(data, at, end)
        while 0 < size < 64:
            left -= size + 1
            if left < 1 or at + 1 + size > end:
                return -1
            if to > used:
                names[to] = 46
                to += 1
            for k in range(at + 1, at + 1 + size):
                to = _put_byte(names, to, u8(data, k, end))
            at += 1 + size
            size = u8(data, at, end)
        if size == 0:
            return to - used
        target = base + (be16(data, at, end) & 0x3FFF)
        if size < 192 or be16(data, at, end) < 0 or target >= lowest:
            return -1
        at = lowest = target
    return -1


@kernel
def is_named(data: Bytes, base: int, at: int, end: int, names: Bytes, wanted: int, length: int,
              scratch: int) -> bool:  # fmt: skip
    """True if the name at `at` equals names[wanted:][:length]; uses names[scratch:]."""
    if read_name(data, base, at, end, names, scratch) != length:
        return False
    for k in range(length):  # noqa: SIM110 - no generators in kernels
        if names[scratch + k] != names[wanted + k]:
            return False
    return True


@kernel
def after_name(data: Bytes, at: int, end: int) -> int:
    """The offset after the name at `at`, or -1."""
    for _ in range(128):
        size = u8(data, at, end)
        if size == 0:
            return at + 1
        if size >= 192:
            return at + 2
        if size < 0 or size >= 64:
            return -1
        at += 1 + size
    return -1
