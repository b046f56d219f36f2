"""Kerberos (RFC 4120 §5.4, §5.9): accounts that request tickets from a domain controller, and receive them.

AS-REQ has the account in cleartext and is only an attempt, because anyone can request a ticket for any
account. AS-REP and TGS-REP repeat it and show that the controller issued a ticket. Tickets are not read.
Machine accounts end in `$`.

A request that the controller answers with an error (KRB-ERROR: unknown account, wrong or missing password)
proves nothing; a real user tries again. So an attempt waits for its reply (`Attempts`).
"""

from __future__ import annotations

from collections.abc import Iterator

from sensor.decode.identity import statement
from sensor.decode.identity.statement import Statement
from sensor.decode.layout import SECOND

ORIGIN = "directory"
#: Confidence of a requested and of an issued ticket.
ASKED, GIVEN = 0.4, 0.8
#: Default lifetime of a ticket, and lifetime of a request without a visible reply.
_TICKET_S, _ASKED_S = 36_000.0, 300.0

_AS_REQ, _AS_REP, _TGS_REP, _KRB_ERROR = 0x6A, 0x6B, 0x6D, 0x7E
#: Timeout of a request; a controller replies within milliseconds.
_ANSWER_S = 5
#: Maximum waiting requests. Further ones count immediately.
_MOST_WAITING = 4096
_SEQUENCE, _INTEGER, _GENERAL_STRING = 0x30, 0x02, 0x1B
_CONTEXT = 0xA0
#: Name types (RFC 4120 §6.2, RFC 6111): an enterprise name includes its domain; a well-known name is no
#: account.
_ENTERPRISE, _WELL_KNOWN = 10, 11
_MOST_PARTS = 4
_MOST_ELEMENTS = 32


def read(data: bytes, client: str) -> list[Statement]:
    """The statements of a message about the address `client`, whichever side sent it."""
    tag = data[0] if data else 0
    sequence = _inside(_inside(data, tag), _SEQUENCE)
    if tag == _AS_REQ:
        body = _inside(_field(sequence, 4), _SEQUENCE)
        name, realm, sure, held = _field(body, 1), _field(body, 2), ASKED, _ASKED_S
    elif tag in (_AS_REP, _TGS_REP):
        name, realm, sure, held = _field(sequence, 4), _field(sequence, 3), GIVEN, _TICKET_S
    else:
        return []
    account = _account(name, realm)
    return [Statement(client, ORIGIN, sure, None, account, lease_s=held)] if account else []


class Attempts:
    """Requests waiting for a reply, by source address and port."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], tuple[int, list[Statement]]] = {}

    def take(self, data: bytes, client: str, port: int, time: int) -> list[Statement]:
        """The statements of a message at `time` (microseconds). A request waits; an error withdraws it."""
        statements, tag = read(data, client), data[0] if data else 0
        if tag in (_AS_REQ, _KRB_ERROR):
            self._waiting.pop((client, port), None)
        if tag != _AS_REQ or not statements or len(self._waiting) == _MOST_WAITING:
            return statements
        self._waiting[client, port] = time, statements
        return []

    def unanswered(self, now: int | None) -> Iterator[tuple[int, list[Statement]]]:
        """Requests without a reply by `now` (microseconds; None: end of input), with their times."""
        # In order of arrival, so the oldest come first.
        for key, (time, statements) in list(self._waiting.items()):
            if now is not None and time + _ANSWER_S * SECOND > now:
                break
            del self._waiting[key]
            yield time, statements


def _account(name: bytes, realm: bytes) -> str | None:
    """A PrincipalName with its realm; None if one of them was cut, because another may begin like it."""
    fields = _inside(name, _SEQUENCE)
    kind = int.from_bytes(_inside(_field(fields, 0), _INTEGER)[:4], "big")
    parts: list[bytes] = []
    rest = _inside(_field(fields, 1), _SEQUENCE)
    while rest and len(parts) < _MOST_PARTS:
        text, rest = _text(rest)
        if text is None:
            return None
        parts.append(text)
    suffix, _ = _text(realm)
    if kind == _WELL_KNOWN or not parts or rest or suffix is None:
        return None
    whole = statement.account(b"/".join(parts))
    domain = statement.account(suffix)
    if whole is None or domain is None or len(parts) > 1 or kind == _ENTERPRISE:
        return whole
    return f"{whole}@{domain}"


def _text(data: bytes) -> tuple[bytes | None, bytes]:
    """The GeneralString at the beginning, None if there is no whole one, and what follows it."""
    tag, begin, end = _element(data)
    is_whole = tag == _GENERAL_STRING and data[1] == end - begin  # a longer one than 127 bytes is no name
    return data[begin:end] if is_whole else None, data[end:]


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
