"""Kerberos (RFC 4120): who asks a domain controller for tickets, and who gets them.

AS-REQ names the account in clear and is an attempt, nothing more: anybody can ask for anybody. AS-REP and
TGS-REP name it again, and show that the controller gave a ticket. Tickets themselves are passed over unread.
Machine accounts end in `$`.
"""

from __future__ import annotations

from sensor.decode.identity import said
from sensor.decode.identity.said import Said

ORIGIN = "directory"
#: A ticket asked for, and one that was given.
ASKED, GIVEN = 0.4, 0.8
#: How long a ticket lasts by default; how long a request is believed that nobody answered here.
_TICKET_S, _ASKED_S = 36_000.0, 300.0

_AS_REQ, _AS_REP, _TGS_REP = 0x6A, 0x6B, 0x6D
_SEQUENCE, _INTEGER, _GENERAL_STRING = 0x30, 0x02, 0x1B
_CONTEXT = 0xA0
#: Name types (RFC 4120 §6.2, RFC 6111): an enterprise name holds its domain; a well-known one is nobody.
_ENTERPRISE, _WELL_KNOWN = 10, 11
_MOST_PARTS = 4
_MOST_ELEMENTS = 32


def read(data: bytes, client: str) -> list[Said]:
    """What a message says about the address `client`, whichever side sent it."""
    tag = data[0] if data else 0
    sequence = _inside(_inside(data, tag), _SEQUENCE)
    if tag == _AS_REQ:
        body = _inside(_field(sequence, 4), _SEQUENCE)
        name, realm, sure, held = _field(body, 1), _field(body, 2), ASKED, _ASKED_S
    elif tag in (_AS_REP, _TGS_REP):
        name, realm, sure, held = _field(sequence, 4), _field(sequence, 3), GIVEN, _TICKET_S
    else:
        return []
    account = _account(name, _inside(realm, _GENERAL_STRING))
    return [Said(client, ORIGIN, sure, None, account, lease_s=held)] if account else []


def _account(name: bytes, realm: bytes) -> str | None:
    """A PrincipalName with its realm."""
    fields = _inside(name, _SEQUENCE)
    kind = int.from_bytes(_inside(_field(fields, 0), _INTEGER)[:4], "big")
    parts: list[bytes] = []
    rest = _inside(_field(fields, 1), _SEQUENCE)
    while rest and len(parts) < _MOST_PARTS:
        tag, begin, end = _element(rest)
        if tag != _GENERAL_STRING:
            return None
        parts.append(rest[begin:end])
        rest = rest[end:]
    if kind == _WELL_KNOWN or not parts or rest:
        return None
    whole = said.account(b"/".join(parts))
    domain = said.account(realm)
    if whole is None or domain is None or len(parts) > 1 or kind == _ENTERPRISE:
        return whole
    return f"{whole}@{domain}"


def _element(data: bytes) -> tuple[int, int, int]:
    """Tag of the DER element at the beginning, where its content begins and ends; (0, 0, 0) for none.

    A content that was cut ends where the bytes do.
    """
    if len(data) < 2:
        return 0, 0, 0
    length, begin = data[1], 2
    if length & 0x80:
        size = length & 0x7F
        begin += size
        if not 0 < size <= 4 or begin > len(data):
            return 0, 0, 0
        length = int.from_bytes(data[2:begin], "big")
    return data[0], begin, min(begin + length, len(data))


def _inside(data: bytes, tag: int) -> bytes:
    """The content of the element at the beginning if it has this tag, else nothing."""
    found, begin, end = _element(data)
    return data[begin:end] if found == tag else b""


def _field(sequence: bytes, number: int) -> bytes:
    """The content of a field [number] of a SEQUENCE's content, or nothing."""
    for _ in range(_MOST_ELEMENTS):
        tag, begin, end = _element(sequence)
        if tag == _CONTEXT | number:
            return sequence[begin:end]
        if end == 0:
            break
        sequence = sequence[end:]
    return b""
