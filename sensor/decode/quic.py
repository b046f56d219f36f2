"""Packet protection of QUIC Initials: their keys, and opening them (RFC 9001, 9369).

Initials are protected with keys that anyone can derive from the first connection id, so this reads
nothing that is secret.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sensor.decode import initials

_SAMPLE = 16


class Version(NamedTuple):
    """What differs between QUIC versions in the keys of Initials."""

    number: int
    salt: bytes
    label: bytes


V1 = Version(initials.V1, bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), b"quic")
V2 = Version(initials.V2, bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), b"quicv2")

DRAFT_29 = 0xFF00001D
_DRAFT_27 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_DRAFT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
#: Drafts of version 1 that were deployed differ from it by their salt alone (draft-ietf-quic-tls §5.2).
DRAFTS = tuple(
    Version(number, _DRAFT_29 if number >= DRAFT_29 else _DRAFT_27, V1.label)
    for number in range(initials.FIRST_DRAFT, initials.LAST_DRAFT + 1)
)

VERSIONS = {version.number: version for version in (V1, V2, *DRAFTS)}


class Keys(NamedTuple):
    """Packet protection of one direction (RFC 9001 §5.1)."""

    key: bytes
    iv: bytes
    hp: bytes


_INNER = bytes(b ^ 0x36 for b in range(256))
_OUTER = bytes(b ^ 0x5C for b in range(256))


def _hmac_pads(key: bytes) -> tuple[bytes, bytes]:
    """The two blocks that HMAC-SHA-256 (RFC 2104) makes of a key of up to 64 bytes."""
    block = key.ljust(64, b"\0")
    return block.translate(_INNER), block.translate(_OUTER)


def _hmac(pads: tuple[bytes, bytes], message: bytes) -> bytes:
    """HMAC-SHA-256; five of them per connection took half of all time by way of `hmac.digest`."""
    return sha256(pads[1] + sha256(pads[0] + message).digest()).digest()


def _expansion(label: bytes, length: int) -> bytes:
    """What HKDF-Expand-Label (RFC 8446 §7.1) hashes for an empty context and at most 32 bytes."""
    label = b"tls13 " + label
    return length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0\x01"


_SALTS = {version.number: _hmac_pads(version.salt) for version in VERSIONS.values()}
_SECRET = {False: _expansion(b"client in", 32), True: _expansion(b"server in", 32)}
_LABELS = {
    label: (_expansion(label + b" key", 16), _expansion(label + b" iv", 12), _expansion(label + b" hp", 16))
    for label in (V1.label, V2.label)
}


def initial_keys(version: Version, connection_id: bytes, *, server: bool = False) -> Keys:
    """Keys of Initial packets, from the client's first destination connection id (RFC 9001 §5.2)."""
    initial_secret = _hmac(_SALTS[version.number], connection_id)
    secret = _hmac_pads(_hmac(_hmac_pads(initial_secret), _SECRET[server]))
    key, iv, hp = _LABELS[version.label]
    return Keys(_hmac(secret, key)[:16], _hmac(secret, iv)[:12], _hmac(secret, hp)[:16])


def full_number(truncated: int, size: int, largest: int) -> int:
    """The packet number nearest to the one after `largest` that ends in these `size` bytes (RFC 9000 A.3)."""
    window = 1 << (8 * size)
    expected = largest + 1
    candidate = expected & -window | truncated
    if candidate <= expected - window // 2:
        return candidate + window
    if candidate > expected + window // 2 and candidate >= window:
        return candidate - window
    return candidate


class Initial(NamedTuple):
    """An Initial packet still protected: `data` from its first byte to the end of its payload."""

    version: Version
    connection_id: bytes
    data: bytes
    number_at: int


class Protection:
    """Opens Initial packets of one direction; derived once, used for all that carry the same keys."""

    __slots__ = ("_aead", "_iv", "_largest", "_mask", "connection_id", "version")

    def __init__(self, version: Version, connection_id: bytes) -> None:
        keys = initial_keys(version, connection_id)
        self.version = version
        self.connection_id = connection_id
        self._aead = AESGCM(keys.key)
        self._iv = int.from_bytes(keys.iv, "big")
        # Header protection is one AES block by definition (RFC 9001 §5.4.3); blocks know no order.
        self._mask = Cipher(algorithms.AES128(keys.hp), modes.ECB()).encryptor()  # noqa: S305
        self._largest = -1

    def open(self, packet: Initial) -> bytes | None:
        """The payload of a client's Initial (RFC 9001 §5.3, §5.4), or None if the keys do not fit."""
        data, at = packet.data, packet.number_at
        if len(data) < at + 4 + _SAMPLE:
            return None
        mask = self._mask.update(data[at + 4 : at + 4 + _SAMPLE])
        first = data[0] ^ (mask[0] & 0x0F)
        after = at + (first & 3) + 1
        size = after - at
        truncated = int.from_bytes(data[at:after], "big") ^ int.from_bytes(mask[1 : 1 + size], "big")
        header = b"%c%b%b" % (first, data[1:at], truncated.to_bytes(size, "big"))
        number = truncated if self._largest < 127 else full_number(truncated, size, self._largest)
        try:
            payload = self._aead.decrypt((self._iv ^ number).to_bytes(12, "big"), data[after:], header)
        except InvalidTag:
            return None
        if number > self._largest:
            self._largest = number
        return payload
