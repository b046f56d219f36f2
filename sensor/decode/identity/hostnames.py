"""Self-announced host names: mDNS (RFC 6762 §18), LLMNR (RFC 4795 §2.1) and NetBIOS (RFC 1002 §4.2).

A name is accepted only for the address of its sender; records for other addresses are ignored.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from sensor.decode.identity import statement
from sensor.decode.identity.statement import Statement

#: Confidence: any host can announce any name, but false names are rare.
CONFIDENCE = 0.6
_HELD_S = 3_600.0

_HEADER = 12
_A, _AAAA = 1, 28
_NB = 32
_MOST_RECORDS = 32
_MOST_LABELS = 32
_POINTER = 0xC0
#: NetBIOS: workstation and file server, unique names only.
_OF_HOSTS = (0x00, 0x20)
_GROUP = 0x80


def read(data: bytes, sender: str, origin: str) -> list[Statement]:
    """The statements of an mDNS or LLMNR response about its sender; `origin` is the protocol."""
    for name, kind, value in _records(data):
        if kind in (_A, _AAAA) and _address(value) == sender and (host := statement.device(name)) is not None:
            return [Statement(sender, origin, CONFIDENCE, None, None, host, _HELD_S)]
    return []


def read_netbios(data: bytes, sender: str) -> list[Statement]:
    """The statements of a NetBIOS registration or refresh about its sender."""
    for name, kind, value in _records(data):
        if kind != _NB or len(name) != 32 or len(value) < 6 or value[0] & _GROUP:
            continue
        plain = _first_level(name)
        if plain[15:] and plain[15] in _OF_HOSTS and _address(value[2:6]) == sender:
            host = statement.device(plain[:15].rstrip())
            return [Statement(sender, "netbios", CONFIDENCE, None, None, host, _HELD_S)] if host else []
    return []


def _address(value: bytes) -> str:
    return str(ipaddress.ip_address(value)) if len(value) in (4, 16) else ""


def _first_level(name: bytes) -> bytes:
    """Decodes a NetBIOS name from its letters A to P, two per byte (RFC 1001 §14.1)."""
    halves = [letter - 65 for letter in name]
    if any(not 0 <= half < 16 for half in halves):
        return b""
    return bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))


def _records(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """First label, type and data of the resource records of a message."""
    if len(data) < _HEADER:
        return
    counts = [int.from_bytes(data[at : at + 2], "big") for at in (4, 6, 8, 10)]
    at = _HEADER
    for _ in range(min(counts[0], _MOST_RECORDS)):
        at = _after_name(data, at) + 4
    for _ in range(min(sum(counts[1:]), _MOST_RECORDS)):
        label = _label(data, at)
        at = _after_name(data, at)
        if at + 10 > len(data):
            return
        kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 8 : at + 10], "big")
        yield label, kind, data[at + 10 : at + 10 + size]
        at += 10 + size


def _after_name(data: bytes, at: int) -> int:
    """The offset after a name; after the message if it is not terminated."""
    for _ in range(_MOST_LABELS):
        if at >= len(data):
            break
        if data[at] == 0:
            return at + 1
        if data[at] >= _POINTER:
            return at + 2
        at += 1 + data[at]
    return len(data)


def _label(data: bytes, at: int) -> bytes:
    """The first label of the name at `at`, through one pointer."""
    if at + 1 < len(data) and data[at] >= _POINTER:
        at = (data[at] & 0x3F) << 8 | data[at + 1]
    size = data[at] if at < len(data) else 0
    return data[at + 1 : at + 1 + size] if size < 64 else b""
