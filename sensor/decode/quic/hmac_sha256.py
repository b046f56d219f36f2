"""HMAC-SHA-256 (RFC 2104, FIPS 180-4) of short messages as kernels, for the HKDF of QUIC (RFC 5869).

A library call for one block of SHA-256 costs several times as much as the block, and each connection needs
sixteen. Not for secrets: not constant-time.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.jit import kernel
from sensor.decode.layout import Bytes, Records, records

_MASK = 0xFFFFFFFF
_BLOCK = 64

#: State of SHA-256 and HMAC. Words have 32 bits, most significant byte first.
HASHING = np.dtype(
    [
        ("words", np.int64, (64,)),
        ("digest", np.int64, (8,)),  # of the latest message
        ("inner", np.int64, (8,)),  # inner key state of HMAC
        ("outer", np.int64, (8,)),  # outer key state
        ("constants", np.int64, (64,)),
        ("start", np.int64, (8,)),
    ]
)

_START = "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"
_CONSTANTS = (
    "428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5"
    "d807aa9812835b01243185be550c7dc372be5d7480deb1fe9bdc06a7c19bf174"
    "e49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da"
    "983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca635114292967"
    "27b70a852e1b21384d2c6dfc53380d13650a7354766a0abb81c2c92e92722c85"
    "a2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070"
    "19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3"
    "748f82ee78a5636f84c878148cc7020890befffaa4506cebbef9a3f7c67178f2"
)


def as_words(data: bytes) -> Records:
    """Bytes as words (int64)."""
    return np.frombuffer(data, ">u4").astype(np.int64)


def as_message(data: bytes) -> Records:
    """A message of up to 55 bytes as the words of the last block of an HMAC, after the key block."""
    bits = 8 * (_BLOCK + len(data))
    return as_words((data + b"\x80").ljust(_BLOCK - 8, b"\0") + bits.to_bytes(8, "big"))


def hashing() -> Records:
    """One HASHING record, ready."""
    work = records(HASHING, 1)
    work["constants"], work["start"] = as_words(bytes.fromhex(_CONSTANTS)), as_words(bytes.fromhex(_START))
    return work


@kernel
def _compress(chain: Records, work: Records) -> None:
    """Add the block work["words"][:16] to a SHA-256 (FIPS 180-4 §6.2.2).

    A word stored twice in 64 bits is rotated by a single shift.
    """
    words, constants = work["words"], work["constants"]
    for t in range(16, 64):
        x, y = words[t - 15], words[t - 2]
        low, high = x | x << 32, y | y << 32
        words[t] = (
            words[t - 16]
            + ((low >> 7 ^ low >> 18 ^ x >> 3) & _MASK)
            + words[t - 7]
            + ((high >> 17 ^ high >> 19 ^ y >> 10) & _MASK)
        ) & _MASK
    a, b, c, d = chain[0], chain[1], chain[2], chain[3]
    e, f, g, h = chain[4], chain[5], chain[6], chain[7]
    for t in range(64):
        twice = e | e << 32
        added = (
            h
            + ((twice >> 6 ^ twice >> 11 ^ twice >> 25) & _MASK)
            + (g ^ e & (f ^ g))
            + constants[t]
            + words[t]
        )
        twice = a | a << 32
        both = ((twice >> 2 ^ twice >> 13 ^ twice >> 22) & _MASK) + (a & b ^ c & (a ^ b))
        a, b, c, d, e, f, g, h = (added + both) & _MASK, a, b, c, (d + added) & _MASK, e, f, g
    chain[0], chain[1] = chain[0] + a & _MASK, chain[1] + b & _MASK
    chain[2], chain[3] = chain[2] + c & _MASK, chain[3] + d & _MASK
    chain[4], chain[5] = chain[4] + e & _MASK, chain[5] + f & _MASK
    chain[6], chain[7] = chain[6] + g & _MASK, chain[7] + h & _MASK


@kernel
def set_key(key: Records, work: Records) -> None:
    """Set the HMAC key (RFC 2104) of eight words."""
    for i in range(16):
        work["words"][i] = (key[i] if i < 8 else 0) ^ 0x36363636
    _copy_words(work["start"], work["inner"])
    _compress(work["inner"], work)
    for i in range(16):
        work["words"][i] = (key[i] if i < 8 else 0) ^ 0x5C5C5C5C
    _copy_words(work["start"], work["outer"])
    _compress(work["outer"], work)


@kernel
def _copy_words(source: Records, target: Records) -> None:
    for i in range(8):
        target[i] = source[i]


@kernel
def authenticate(message: Records, work: Records) -> None:
    """Compute the HMAC of a message (see `as_message`) into work["digest"]."""
    words, digest = work["words"], work["digest"]
    for i in range(16):
        words[i] = message[i]
    _copy_words(work["inner"], digest)
    _compress(digest, work)
    for i in range(8):
        words[i], words[8 + i] = digest[i], 0
    words[8], words[15] = 1 << 31, 8 * (_BLOCK + 32)
    _copy_words(work["outer"], digest)
    _compress(digest, work)


@kernel
def digest_bytes(work: Records, target: Bytes) -> None:
    """Copy the first bytes of work["digest"] to fill `target`."""
    for i in range(target.size):
        target[i] = work["digest"][i >> 2] >> 24 - 8 * (i & 3) & 255
