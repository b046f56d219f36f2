"""One block of AES-128 (FIPS 197) as kernels, for the header protection of QUIC (RFC 9001 §5.4.3).

Setting up the cipher of a library costs ten times as much as the block. Not for secrets: table lookups depend
on the key (cache timing).
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be32
from sensor.decode.layout import Bytes, Records, i64

KEY_BYTES = 16
#: Words of a key schedule.
SCHEDULE = 44

_MASK = 0xFFFFFFFF


def table() -> Records:
    """SubBytes and MixColumns combined (int64): each 32-bit value twice, so that a shift rotates it."""
    logarithm, power, value = [0] * 256, [0] * 256, 1
    for exponent in range(255):
        power[exponent], logarithm[value] = value, exponent
        value ^= _doubled(value)  # 3 generates the field
    mixed = np.zeros(256, np.uint64)
    for byte in range(256):
        inverse = power[(255 - logarithm[byte]) % 255] if byte else 0
        turned = inverse * 0x101
        box = (inverse ^ turned >> 7 ^ turned >> 6 ^ turned >> 5 ^ turned >> 4 ^ 0x63) & 255
        double = _doubled(box)
        word = double << 24 | box << 16 | box << 8 | double ^ box
        mixed[byte] = word << 32 | word
    return mixed.view(np.int64)


def _doubled(value: int) -> int:
    """Twice a value in the field of AES (FIPS 197 §4.2.1)."""
    return value << 1 ^ (0x11B if value & 0x80 else 0)


@kernel
def _column(mixed: Records, a: int, b: int, c: int, d: int) -> int:
    """A column of AES after SubBytes, ShiftRows and MixColumns, from the words its bytes come from."""
    return (
        mixed[a >> 24] ^ mixed[b >> 16 & 255] >> 8 ^ mixed[c >> 8 & 255] >> 16 ^ mixed[d & 255] >> 24
    ) & _MASK


@kernel
def _substitute(mixed: Records, a: int, b: int, c: int, d: int) -> int:
    """A column after SubBytes and ShiftRows alone."""
    return (
        (mixed[a >> 24] >> 8 & 255) << 24
        | (mixed[b >> 16 & 255] >> 8 & 255) << 16
        | (mixed[c >> 8 & 255] >> 8 & 255) << 8
        | mixed[d & 255] >> 8 & 255
    )


@kernel
def expand(schedule: Records, mixed: Records) -> None:
    """The AES-128 key schedule (FIPS 197 §5.2) of the key in its first four words."""
    factor = i64(1)
    for i in range(4, 44):
        word = i64(schedule[i - 1])
        if i & 3 == 0:
            word = (word << 8 | word >> 24) & _MASK
            word = _substitute(mixed, word, word, word, word) ^ factor << 24
            factor = factor << 1 ^ (0x11B if factor & 0x80 else 0)
        schedule[i] = i64(schedule[i - 4]) ^ word


@kernel
def encrypt_sample(data: Bytes, at: int, end: int, schedule: Records, mixed: Records) -> int:
    """The first five bytes of AES-128 of the 16 bytes at `at`."""
    a, b = be32(data, at, end) ^ i64(schedule[0]), be32(data, at + 4, end) ^ i64(schedule[1])
    c, d = be32(data, at + 8, end) ^ i64(schedule[2]), be32(data, at + 12, end) ^ i64(schedule[3])
    for k in range(4, 40, 4):
        a, b, c, d = (
            _column(mixed, a, b, c, d) ^ i64(schedule[k]),
            _column(mixed, b, c, d, a) ^ i64(schedule[k + 1]),
            _column(mixed, c, d, a, b) ^ i64(schedule[k + 2]),
            _column(mixed, d, a, b, c) ^ i64(schedule[k + 3]),
        )
    first = _substitute(mixed, a, b, c, d) ^ i64(schedule[40])
    return first << 8 | (_substitute(mixed, b, c, d, a) ^ i64(schedule[41])) >> 24
