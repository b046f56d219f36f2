"""Decrypts QUIC Initials (RFC 9001 §5.3): packet numbers, payloads, and tag verification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sensor.decode.kernels.strings import own
from sensor.decode.layout import Bytes, Records, records
from sensor.decode.quic.aes import KEY_BYTES
from sensor.decode.quic.initials import INITIAL
from sensor.decode.quic.protection import NONCE_BYTES, Keyring


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
    """An Initial packet, its header read with the keys of `connection_id` in `version`."""

    version: int
    connection_id: bytes
    data: bytes  # as sent, from its first byte to the end of its payload
    number_at: int
    header: bytes  # without protection; empty if the packet is too short
    number: int  # truncated packet number, as sent
    number_bytes: int
    key: bytes
    nonce: bytes  # number of its bytes


def read(keyring: Keyring, data: Bytes, packets: Records) -> Iterator[Initial]:
    """Initials from INITIAL records, each with the keys of its destination connection id."""
    headers, text = keyring.unprotect(data, packets)
    keys, nonces = own(headers["key"]).tobytes(), own(headers["nonce"]).tobytes()
    view = data.data
    fields = zip(
        *(packets[name].tolist() for name in ("version", "id", "id_length", "begin", "end", "number")),
        *(headers[name].tolist() for name in ("begin", "length", "number", "number_bytes")),
        strict=True,
    )
    key_at = nonce_at = 0
    for version, id_at, id_length, begin, end, number_at, header, length, number, size in fields:
        yield Initial(
            version, bytes(view[id_at : id_at + id_length]), bytes(view[begin:end]), number_at - begin,
            text[header : header + length], number, size, keys[key_at : key_at + KEY_BYTES],
            nonces[nonce_at : nonce_at + NONCE_BYTES],
        )  # fmt: skip
        key_at, nonce_at = key_at + KEY_BYTES, nonce_at + NONCE_BYTES


def read_by(keyring: Keyring, packet: Initial, version: int, connection_id: bytes) -> Initial:
    """The same packet, read with the keys of another connection id or version."""
    place = records(INITIAL, 1)
    size = len(packet.data)
    place["version"], place["end"], place["number"] = version, size, packet.number_at
    place["id"], place["id_length"] = size, len(connection_id)
    data = np.frombuffer(packet.data + connection_id, np.uint8).copy()  # writeable, as Numba expects
    (again,) = read(keyring, data, place)
    return again._replace(data=packet.data)


class Protection:
    """Decrypts Initials of one direction with the keys of `first`."""

    __slots__ = ("_aead", "_largest", "connection_id", "version")

    def __init__(self, first: Initial) -> None:
        self.version, self.connection_id = first.version, first.connection_id
        self._aead = AESGCM(first.key)
        self._largest = -1

    def open(self, packet: Initial) -> bytes | None:
        """The payload, or None if the keys do not match."""
        _, _, data, _, header, number, size, _, nonce = packet
        if not header:
            return None
        if self._largest >= 127:
            full = full_number(number, size, self._largest)
            nonce = (int.from_bytes(nonce, "big") ^ number ^ full).to_bytes(NONCE_BYTES, "big")
            number = full
        try:
            payload = self._aead.decrypt(nonce, data[len(header) :], header)
        except InvalidTag:
            return None
        if number > self._largest:
            self._largest = number
        return payload
