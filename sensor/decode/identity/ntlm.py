"""NTLM's AUTHENTICATE message ([MS-NLMP] §2.2.1.3): account, domain and workstation, in clear.

Whether the sign-in succeeded is not known, so it is only a hint. Responses to the challenge (hashes) are
never read.
"""

from __future__ import annotations

import base64
import binascii

from sensor.decode.identity import statement
from sensor.decode.identity.statement import Statement

ORIGIN = "directory"
CONFIDENCE = 0.45
_HELD_S = 3_600.0

#: Signature of the message, and its base64 form in an HTTP field (RFC 4559).
MARK = b"NTLMSSP\0\x03\0\0\0"
BASE64_MARK = b"TlRMTVNTUAAD"
_HEADER = 64
_DOMAIN, _USER, _WORKSTATION, _FLAGS = 28, 36, 44, 60
_UNICODE = 1
#: Maximum length of a part, in bytes.
_LONGEST = 512
_LONGEST_BASE64 = 8192


def read(data: bytes, client: str) -> list[Statement]:
    """The statements of a packet or field about its source address."""
    at = data.find(MARK)
    message = data[at:] if at >= 0 else b""
    if len(message) < _HEADER:
        return []
    encoding = "utf-16-le" if message[_FLAGS] & _UNICODE else "latin-1"
    user = statement.account(_part(message, _USER), encoding)
    domain = statement.account(_part(message, _DOMAIN), encoding)
    station = statement.account(_part(message, _WORKSTATION), encoding)
    device = statement.device(station.encode()) if station else None
    if user is None:
        return []  # nobody: an anonymous session
    name = f"{domain}\\{user}" if domain and "@" not in user else user
    return [Statement(client, ORIGIN, CONFIDENCE, None, name, device, _HELD_S)]


def read_field(text: bytes, client: str) -> list[Statement]:
    """As `read`, from the base64 of an Authorization field."""
    text = text[:_LONGEST_BASE64]
    try:
        data = base64.b64decode(text[: len(text) // 4 * 4], validate=True)
    except binascii.Error:
        return []
    return read(data, client)


def _part(message: bytes, at: int) -> bytes:
    """A part of the message; nothing if it was cut, because another account may begin like it."""
    size = int.from_bytes(message[at : at + 2], "little")
    begin = int.from_bytes(message[at + 4 : at + 8], "little")
    is_whole = begin >= _HEADER and size <= _LONGEST and begin + size <= len(message)
    return message[begin : begin + size] if is_whole else b""
