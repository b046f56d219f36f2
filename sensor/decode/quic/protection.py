"""Keys and header protection of QUIC Initials, for many packets at once (RFC 9001 §5, RFC 9369 §3).

Initials are encrypted with keys that anyone can derive from the client's first connection id, so nothing
secret is read. `decryption` decrypts the payloads and verifies their tags.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import copy, u8
from sensor.decode.layout import Bytes, Records, i64, records
from sensor.decode.quic import initials
from sensor.decode.quic.aes import KEY_BYTES, SCHEDULE, encrypt_sample, expand, table
from sensor.decode.quic.hmac_sha256 import as_message, as_words, authenticate, digest_bytes, hashing, set_key

_SAMPLE = 16
NONCE_BYTES = 12

#: Size of the key cache, indexed by the hash of the connection id. Initials of a client follow each other.
_REMEMBERED = 1 << 10


class Version(NamedTuple):
    """Version-specific parameters of the keys of Initials."""

    number: int
    salt: bytes
    label: bytes


V1 = Version(initials.V1, bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), b"quic")
V2 = Version(initials.V2, bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), b"quicv2")

#: Other deployed versions differ from version 1 only by the salt (draft-ietf-quic-tls §5.2; Google's
#: crypto_utils.cc), which several versions share (`initials.salted_as`).
OTHERS = tuple(
    Version(number, bytes.fromhex(salt), V1.label)
    for number, salt in (
        (initials.DRAFT + 22, "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a"),
        (initials.DRAFT + 23, "c3eef712c72ebb5a11a7d2432bb46365bef9f502"),
        (initials.DRAFT + 29, "afbfec289993d24c9e9786f19c6111e04390a899"),
        (initials.T050, "7ff579e5acd072915580304c43a2367c60488310"),
        (initials.T051, "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"),
        (initials.Q050, "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"),
    )
)

_VERSIONS = (V1, V2, *OTHERS)

#: Packet protection keys of the Initials of a client.
KEYS = np.dtype(
    [
        ("version", np.int64),  # 0 for a free row
        ("id_length", np.int64),
        ("id", np.uint8, (20,)),
        ("key", np.uint8, (KEY_BYTES,)),
        ("iv", np.uint8, (NONCE_BYTES,)),
        (
            "hp",
            np.int64,
            (SCHEDULE,),
        ),  # key schedule of header protection, whose first four words are the key
    ]
)

#: The header of a packet after removal of header protection.
HEADER = np.dtype(
    [
        ("begin", np.int64),  # offset in the buffer of headers
        ("length", np.int64),  # 0 for a packet too short to be protected
        ("number", np.int64),  # truncated packet number, as sent
        ("number_bytes", np.int64),
        ("key", np.uint8, (KEY_BYTES,)),
        ("nonce", np.uint8, (NONCE_BYTES,)),  # number of its bytes
    ]
)

_CONSTANTS = np.dtype(
    [
        ("numbers", np.int64, (len(_VERSIONS),)),
        ("salts", np.int64, (len(_VERSIONS), 8)),  # of each version
        ("labels", np.int64, (len(_VERSIONS), 3, 16)),  # of its key, IV and header protection key
        ("client", np.int64, (16,)),
        ("message", np.int64, (16,)),  # room for one
        ("aes", np.int64, (256,)),
    ]
)


def _expansion(label: bytes, length: int) -> Records:
    """The HMAC input of HKDF-Expand-Label (RFC 8446 §7.1) for an empty context and at most 32 bytes."""
    label = b"tls13 " + label
    return as_message(length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0\x01")


@cache
def _constants() -> Records:
    made = records(_CONSTANTS, 1)
    made["client"], made["aes"] = _expansion(b"client in", 32), table()
    for row, version in enumerate(_VERSIONS):
        made["numbers"][0, row] = version.number
        made["salts"][0, row] = as_words(version.salt.ljust(32, b"\0"))
        for part, (name, length) in enumerate(
            ((b" key", KEY_BYTES), (b" iv", NONCE_BYTES), (b" hp", KEY_BYTES))
        ):
            made["labels"][0, row, part] = _expansion(version.label + name, length)
    return made


@kernel
def _version_row(version: int, constants: Records) -> int:
    """The row with salt and labels of a known version."""
    salted = initials.salted_as(version)
    for row in range(len(constants["numbers"])):
        if constants["numbers"][row] == salted:
            return row
    return 0


@kernel
def _as_message(data: Bytes, at: int, size: int, message: Records) -> None:
    """A connection id in the form of `as_message`."""
    for i in range(16):
        message[i] = 0
    for i in range(size):
        message[i >> 2] |= i64(data[at + i]) << 24 - 8 * (i & 3)
    message[size >> 2] |= 0x80 << 24 - 8 * (size & 3)
    message[15] = 8 * (64 + size)


@kernel
def _derive(data: Bytes, at: int, size: int, version: int, keys: Records, work: Records,
            constants: Records) -> None:  # fmt: skip
    """Derive the keys of client Initials from the first destination connection id (RFC 9001 §5.2)."""
    keys["version"], keys["id_length"] = version, size
    copy(data, at, size, keys["id"], 0)
    row = _version_row(version, constants)
    _as_message(data, at, size, constants["message"])
    set_key(constants["salts"][row], work)
    authenticate(constants["message"], work)
    set_key(work["digest"], work)
    authenticate(constants["client"], work)
    set_key(work["digest"], work)
    labels = constants["labels"][row]
    authenticate(labels[0], work)
    digest_bytes(work, keys["key"])
    authenticate(labels[1], work)
    digest_bytes(work, keys["iv"])
    authenticate(labels[2], work)
    for i in range(4):
        keys["hp"][i] = work["digest"][i]
    expand(keys["hp"], constants["aes"])


@kernel
def _are_of(keys: Records, data: Bytes, at: int, size: int, version: int) -> bool:
    """True if these keys belong to a connection id."""
    same = keys["version"] == version and keys["id_length"] == size
    for i in range(size if same else 0):
        same = same and keys["id"][i] == data[at + i]
    return bool(same)


@kernel
def _row_of(data: Bytes, at: int, size: int) -> int:
    """The cache row of a connection id."""
    value = i64(size)
    for i in range(size):
        value = (value * 31 + i64(data[at + i])) & 0xFFFFFFFF
    return (value ^ value >> 16) & (_REMEMBERED - 1)


@kernel
def _read_header(data: Bytes, packet: Records, keys: Records, aes: Records, header: Records,
                 text: Bytes) -> int:  # fmt: skip
    """Append a header without its protection (RFC 9001 §5.4); returns its length."""
    begin, end, number = i64(packet["begin"]), i64(packet["end"]), i64(packet["number"])
    mask = encrypt_sample(data, number + 4, end, keys["hp"], aes)
    first, at = u8(data, begin, end) ^ mask >> 32 & 0x0F, i64(header["begin"])
    size, value = (first & 3) + 1, i64(0)
    copy(data, begin, number - begin, text, at)
    text[at] = first
    for i in range(size):
        byte = u8(data, number + i, end) ^ mask >> 24 - 8 * i & 255
        text[at + number - begin + i] = byte
        value = value << 8 | byte
    header["number"], header["number_bytes"] = value, size
    copy(keys["key"], 0, KEY_BYTES, header["key"], 0)
    for i in range(NONCE_BYTES):
        shift = 8 * (NONCE_BYTES - 1 - i)
        header["nonce"][i] = i64(keys["iv"][i]) ^ (value >> shift & 255 if shift < 32 else 0)
    return number - begin + size


@entry
def _unprotect(data: Bytes, packets: Records, known: Records, work: Records, constants: Records,
               headers: Records, text: Bytes) -> None:  # fmt: skip
    used = i64(0)
    for n in range(packets.size):
        packet, header = packets[n], headers[n]
        header["begin"] = used
        if packet["end"] - packet["number"] < 4 + _SAMPLE:
            continue
        at, size, version = i64(packet["id"]), i64(packet["id_length"]), i64(packet["version"])
        keys = known[_row_of(data, at, size)]
        if not _are_of(keys, data, at, size, version):
            _derive(data, at, size, version, keys, work[0], constants[0])
        header["length"] = _read_header(data, packet, keys, constants[0]["aes"], header, text)
        used += i64(header["length"])


class Keyring:
    """Derives keys, and caches the latest."""

    def __init__(self) -> None:
        self.known = records(KEYS, _REMEMBERED)
        self._work = hashing()

    def unprotect(self, data: Bytes, packets: Records) -> tuple[Records, bytes]:
        """HEADER records of INITIAL packets in `data`, with the keys of their connection ids; and the
        headers."""
        headers = records(HEADER, packets.size)
        text = np.zeros(int((packets["number"] - packets["begin"]).sum()) + 4 * packets.size + 1, np.uint8)
        _unprotect(data, packets, self.known, self._work, _constants(), headers, text)
        return headers, text.tobytes()
