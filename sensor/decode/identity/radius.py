"""RADIUS accounting (RFC 2866 §4.1, §5): session start, interim update and stop.

Only the attributes listed here are read, never a password or another secret.
"""

from __future__ import annotations

import ipaddress
import re

from sensor.decode.identity import statement
from sensor.decode.identity.statement import Statement

ORIGIN = "radius"
CONFIDENCE = 0.9
#: Default lifetime without an announced interval: half a day, ended earlier by Stop or by the next session.
_HELD_S = 43_200.0
_LONGEST_S = 366 * 86_400

_ACCOUNTING_REQUEST = 4
_HEADER = 20
_USER, _ADDRESS, _CALLING, _STATUS, _DELAY, _SESSION_TIME = 1, 8, 31, 40, 41, 46
_INTERIM, _CHARGEABLE, _ADDRESS6 = 85, 89, 168
_START, _STOP, _ALIVE = 1, 2, 3
#: Anonymous outer identities of EAP.
_NAMELESS = re.compile(r"anonymous(?:@.*)?|@.*|(?:[0-9a-f]{2}[-:.]?){5}[0-9a-f]{2}", re.IGNORECASE)
_MAC = re.compile(rb"(?:[0-9A-Fa-f]{2}[-:.]?){5}[0-9A-Fa-f]{2}")


def read(data: bytes) -> list[Statement]:
    """The statements of an Accounting-Request."""
    if len(data) < _HEADER or data[0] != _ACCOUNTING_REQUEST:
        return []
    attributes = _attributes(data[: int.from_bytes(data[2:4], "big")])
    status, address = _number(attributes, _STATUS), _address(attributes)
    if status not in (_START, _STOP, _ALIVE) or address is None:
        return []
    delay, lasted = (min(_number(attributes, number), _LONGEST_S) for number in (_DELAY, _SESSION_TIME))
    held = min(3 * _number(attributes, _INTERIM), _LONGEST_S) or _HELD_S
    user = statement.account(attributes.get(_USER, b""))
    if user is None or _NAMELESS.fullmatch(user):
        user = statement.account(attributes.get(_CHARGEABLE, b""))
    calling = attributes.get(_CALLING, b"")
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", calling) if _MAC.match(calling) else b""
    hardware = statement.mac(bytes.fromhex(digits[:12].decode())) if len(digits) >= 12 else None
    stop = status == _STOP
    return [
        Statement(address, ORIGIN, CONFIDENCE, hardware, user, None, lasted + (0.0 if stop else held),
             delay + lasted, stop)
    ]  # fmt: skip


def _attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by number, the first of each, and none that was cut."""
    found: dict[int, bytes] = {}
    at = _HEADER
    while at + 2 <= len(data) and 2 <= data[at + 1] <= len(data) - at:
        found.setdefault(data[at], data[at + 2 : at + data[at + 1]])
        at += data[at + 1]
    return found


def _number(attributes: dict[int, bytes], attribute: int) -> int:
    value = attributes.get(attribute, b"")
    return int.from_bytes(value, "big") if len(value) == 4 else 0


def _address(attributes: dict[int, bytes]) -> str | None:
    for number, size in ((_ADDRESS, 4), (_ADDRESS6, 16)):
        value = attributes.get(number, b"")
        # All ones: the user's own choice, or the server's (RFC 2865 §5.8).
        if len(value) == size and any(value) and value[:3] != b"\xff\xff\xff":
            return str(ipaddress.ip_address(value))
    return None
