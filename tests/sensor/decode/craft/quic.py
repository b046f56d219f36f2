"""QUIC Initials by hand, sealed as RFC 9001 says."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from sensor.decode.layout import EVENT, Bytes, Records, records
from sensor.decode.quic.handshakes import Attempts, Found
from sensor.decode.quic.protection import V1, V2, Version
from sensor.decode.tcp.messages import INITIAL
from tests.sensor.decode.craft import (
    CLIENT,
    SERVER,
    T0,
    Frame,
    ethernet,
    ip,
    udp,
)

DCID = bytes.fromhex("8394c8f03e515708")


class Keys(NamedTuple):
    """Packet protection of one direction (RFC 9001 §5.1)."""

    key: bytes
    iv: bytes
    hp: bytes


def initial_keys(version: Version, connection_id: bytes, *, server: bool = False) -> Keys:
    """Keys of Initials by the library's own HKDF (RFC 9001 §5.2): what ours is compared with."""

    def expand(secret: bytes, label: bytes, length: int) -> bytes:
        label = b"tls13 " + label
        info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
        return HKDFExpand(SHA256(), length, info).derive(secret)

    extracted = hmac.digest(version.salt, connection_id, "sha256")
    secret = expand(extracted, b"server in" if server else b"client in", 32)
    parts = ((b" key", 16), (b" iv", 12), (b" hp", 16))
    return Keys(*(expand(secret, version.label + name, length) for name, length in parts))


def varint(value: int) -> bytes:
    return (0x4000 | value).to_bytes(2, "big")


def crypto(offset: int, data: bytes) -> bytes:
    return b"\x06" + varint(offset) + varint(len(data)) + data


def seal(payload: bytes, number: int, *, version: Version = V1, dcid: bytes = DCID, token: bytes = b"",
         key_id: bytes = b"", size: int = 1162, server: bool = False, type_bits: int | None = None,
         fixed_bit: int = 0x40) -> bytes:  # fmt: skip
    """A protected Initial (RFC 9001 §5.4), padded; `type_bits` makes another long-header packet of it."""
    keys = initial_keys(version, key_id or dcid, server=server)
    payload = payload.ljust(size, b"\0")
    initial = 0x10 if version is V2 else 0x00
    first = 0x83 | fixed_bit | (initial if type_bits is None else type_bits)
    head = bytes([first]) + version.number.to_bytes(4, "big") + bytes([len(dcid)]) + dcid + b"\0"
    if type_bits is None:
        head += varint(len(token)) + token
    head += varint(4 + len(payload) + 16) + number.to_bytes(4, "big")
    nonce = (int.from_bytes(keys.iv, "big") ^ number).to_bytes(12, "big")
    sealed = AESGCM(keys.key).encrypt(nonce, payload, head)
    mask = Cipher(algorithms.AES(keys.hp), modes.ECB()).encryptor().update(sealed[:16])
    number_bytes = bytes(a ^ b for a, b in zip(head[-4:], mask[1:5], strict=True))
    return bytes([head[0] ^ mask[0] & 0x0F]) + head[1:-4] + number_bytes + sealed


def events_of(messages: Sequence[tuple[int, int, int, bytes]]) -> tuple[Bytes, Records]:
    """An arena and EVENT records of (kind, serial, side, content), a second apart."""
    events = records(EVENT, len(messages))
    seen: Counter[int] = Counter()
    arena = bytearray()
    for n, (kind, serial, side, content) in enumerate(messages):
        seen[serial] += 1
        event = events[n]
        event["kind"], event["serial"], event["side"], event["ordinal"] = kind, serial, side, seen[serial]
        event["offset"], event["length"], event["time"] = len(arena), len(content), (1 + n) * 1_000_000
        arena += content
    return np.frombuffer(bytes(arena) or b"\0", np.uint8), events


def read(sent: Sequence[tuple[int, bytes]], attempts: Attempts | None = None) -> Found:
    """What one connection's datagrams (side, content) give."""
    return (attempts or Attempts(4)).read(*events_of([(INITIAL, 1, side, data) for side, data in sent]))


def datagrams(payloads: list[bytes]) -> list[Frame]:
    return [
        Frame(ethernet(ip(CLIENT, SERVER, 17, udp(50000, 443, data))), T0 + n / 1000)
        for n, data in enumerate(payloads)
    ]
