"""DNS messages by hand."""

from __future__ import annotations

import struct

from tests.sensor.decode.craft import T0, Frame, ethernet, ip, udp

RESOLVER, ASKER = "10.0.0.53", "10.0.2.1"

Answer = tuple[bytes, int, bytes]


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def message(
    host: bytes,
    *,
    ident: int = 7,
    kind: int = 1,
    answers: list[Answer] | None = None,
    rcode: int = 0,
    extra: bytes = b"",
) -> bytes:
    """A query, or with `answers` its answer; `extra` is one record of the additional section."""
    flags = 0x0100 if answers is None else 0x8180 | rcode
    head = struct.pack(">HHHHHH", ident, flags, 1, len(answers or []), 0, 1 if extra else 0)
    records = b"".join(
        owner + struct.pack(">HHIH", t, 1, 300, len(data)) + data for owner, t, data in answers or []
    )
    return head + host + struct.pack(">HH", kind, 1) + records + extra


def ech_config(number: int, public_name: bytes, *, version: int = 0xFE0D, key: int = 32) -> bytes:
    """An ECHConfig (RFC 9849 §4) with an X25519 key and one cipher suite."""
    body = struct.pack(">BHH", number, 0x20, key) + bytes(key) + struct.pack(">HHH", 4, 1, 1)
    body += struct.pack(">BB", 0, len(public_name)) + public_name + struct.pack(">H", 0)
    return struct.pack(">HH", version, len(body)) + body


def service(*parameters: tuple[int, bytes], priority: int = 1, target: bytes = b"\0") -> bytes:
    """The data of an SVCB or HTTPS record (RFC 9460 §2.2)."""
    listed = b"".join(struct.pack(">HH", key, len(value)) + value for key, value in parameters)
    return struct.pack(">H", priority) + target + listed


def ech_list(*configs: bytes) -> tuple[int, bytes]:
    """The `ech` parameter."""
    joined = b"".join(configs)
    return 5, struct.pack(">H", len(joined)) + joined


def question(data: bytes, at: float = 0, port: int = 5353) -> Frame:
    return Frame(ethernet(ip(ASKER, RESOLVER, 17, udp(port, 53, data))), T0 + at)


def answer(data: bytes, at: float = 0.01, port: int = 5353) -> Frame:
    return Frame(ethernet(ip(RESOLVER, ASKER, 17, udp(53, port, data))), T0 + at)


HOST = name("API.OpenAI.com")
#: Points to the name of the question.
POINTER = b"\xc0\x0c"


def framed(data: bytes) -> bytes:
    """A message as it goes over TCP."""
    return struct.pack(">H", len(data)) + data
