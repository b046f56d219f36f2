"""QUIC Initials, decrypted: from a client's first datagrams to its ClientHello.

Versions 1 and 2 (RFC 9000, 9001, 9369). Initial packets are protected with keys that anyone can derive
from the first connection id, so this reads nothing that is secret. CRYPTO frames may come in any order,
cut anywhere, over several packets and datagrams; current browsers shuffle them on purpose.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: A longer ClientHello is not followed.
MAX_HELLO = 16384

#: CRYPTO frames kept of one attempt: more is an attack on our time.
_MAX_FRAMES = 256


@dataclass(frozen=True)
class Version:
    """What differs between QUIC versions for Initials."""

    number: int
    salt: bytes
    label: bytes
    initial_type: int


V1 = Version(0x00000001, bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), b"quic", 0x00)
V2 = Version(0x6B3343CF, bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), b"quicv2", 0x10)
_VERSIONS = {v.number: v for v in (V1, V2)}


@dataclass(frozen=True)
class Keys:
    """Packet protection of one direction (RFC 9001 §5.1)."""

    key: bytes
    iv: bytes
    hp: bytes


def _expand_label(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 §7.1), for lengths up to 32."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\x00"
    return hmac.digest(secret, info + b"\x01", hashlib.sha256)[:length]


@lru_cache(maxsize=1024)
def initial_keys(version: Version, connection_id: bytes, *, server: bool = False) -> Keys:
    """Keys of Initial packets, from the client's first destination connection id (RFC 9001 §5.2)."""
    initial_secret = hmac.digest(version.salt, connection_id, hashlib.sha256)
    secret = _expand_label(initial_secret, b"server in" if server else b"client in", 32)
    return Keys(
        _expand_label(secret, version.label + b" key", 16),
        _expand_label(secret, version.label + b" iv", 12),
        _expand_label(secret, version.label + b" hp", 16),
    )


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer (RFC 9000 §16) and the offset behind it; offset -1 if it is cut."""
    if at >= len(data):
        return 0, -1
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        return 0, -1
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size


@dataclass(frozen=True)
class Initial:
    """An Initial packet still protected: `data` from its first byte to the end of its payload."""

    version: Version
    connection_id: bytes
    data: bytes
    number_at: int


def initials(datagram: bytes) -> Iterator[Initial]:
    """The Initial packets of a datagram; other long-header packets are stepped over by their length."""
    at = 0
    while at + 7 <= len(datagram) and datagram[at] & 0x80:
        version = _VERSIONS.get(int.from_bytes(datagram[at + 1 : at + 5], "big"))
        if version is None:
            return
        is_initial = datagram[at] & 0x30 == version.initial_type
        target_end = at + 6 + datagram[at + 5]
        if target_end >= len(datagram) or datagram[at + 5] > 20:
            return
        field_at = target_end + 1 + datagram[target_end]
        if is_initial:
            token, field_at = read_varint(datagram, field_at)
            if field_at < 0:
                return
            field_at += token
        length, number_at = read_varint(datagram, field_at)
        end = number_at + length
        if number_at < 0 or end > len(datagram):
            return
        if is_initial:
            yield Initial(version, datagram[at + 6 : target_end], datagram[at:end], number_at - at)
        at = end


def decrypt(packet: Initial, keys: Keys) -> bytes | None:
    """The payload of an Initial (RFC 9001 §5.3, §5.4), or None if the keys do not fit."""
    data, at = packet.data, packet.number_at
    sample = data[at + 4 : at + 20]
    if len(sample) < 16:
        return None
    # Header protection is one AES block by definition (RFC 9001 §5.4.3).
    mask = Cipher(algorithms.AES(keys.hp), modes.ECB()).encryptor().update(sample)  # noqa: S305
    first = data[0] ^ (mask[0] & 0x0F)
    size = (first & 3) + 1
    number = bytes(a ^ b for a, b in zip(data[at : at + size], mask[1:5], strict=False))
    header = bytes([first]) + data[1:at] + number
    nonce = (int.from_bytes(keys.iv, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    if len(data) - at - size < 16:
        return None
    try:
        return AESGCM(keys.key).decrypt(nonce, data[at + size :], header)
    except InvalidTag:
        return None


def crypto_frames(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Offset and data of the CRYPTO frames (RFC 9000 §19.6) among those an Initial may carry."""
    at = 0
    while at < len(payload):
        kind = payload[at]
        at += 1
        if kind in (0x00, 0x01):
            continue
        if kind == 0x06:
            offset, at = read_varint(payload, at)
            length, at = read_varint(payload, at) if at >= 0 else (0, -1)
            if at < 0 or at + length > len(payload):
                return
            yield offset, payload[at : at + length]
            at += length
        elif kind in (0x02, 0x03):
            at = _after_ack(payload, at, kind)
            if at < 0:
                return
        else:
            return


def _after_ack(payload: bytes, at: int, kind: int) -> int:
    """The offset behind an ACK frame (RFC 9000 §19.3), or -1."""
    values = []
    for _ in range(4):
        value, at = read_varint(payload, at)
        if at < 0:
            return -1
        values.append(value)
    left = 2 * values[2] + (3 if kind == 0x03 else 0)
    while left > 0 and at >= 0:
        _, at = read_varint(payload, at)
        left -= 1
    return at


@dataclass
class Attempt:
    """One client's connection attempt: its CRYPTO data so far. First copy of a byte wins."""

    connection_id: bytes = b""
    data: bytearray = field(default_factory=bytearray)
    have: bytearray = field(default_factory=bytearray)
    frames: int = 0
    done: bool = False

    def feed(self, datagram: bytes) -> bytes | None:
        """Add a datagram; the ClientHello handshake message once, when it is complete."""
        if self.done:
            return None
        for packet in initials(datagram):
            payload = self._open(packet)
            if payload is None:
                continue
            for offset, piece in crypto_frames(payload):
                self._keep(offset, piece)
        return self._hello()

    def _open(self, packet: Initial) -> bytes | None:
        """Decrypt with the first id's keys, else with the packet's own (after Retry the id is new)."""
        first = self.connection_id or packet.connection_id
        payload = decrypt(packet, initial_keys(packet.version, first))
        if payload is None and packet.connection_id != first:
            payload = decrypt(packet, initial_keys(packet.version, packet.connection_id))
            first = packet.connection_id
        if payload is not None:
            self.connection_id = first
        return payload

    def _keep(self, offset: int, piece: bytes) -> None:
        self.frames += 1
        end = offset + len(piece)
        if end > MAX_HELLO or self.frames > _MAX_FRAMES:
            return
        if end > len(self.data):
            grown = end - len(self.data)
            self.data.extend(bytes(grown))
            self.have.extend(bytes(grown))
        for i in range(offset, end):
            if not self.have[i]:
                self.data[i], self.have[i] = piece[i - offset], 1

    def _hello(self) -> bytes | None:
        if self.have[:4] != b"\x01\x01\x01\x01" or self.data[0] != 1:
            return None
        end = 4 + int.from_bytes(self.data[1:4], "big")
        if len(self.have) < end or 0 in self.have[:end]:
            return None
        self.done = True
        return bytes(self.data[:end])
