"""Cleartext HTTP/2: the first request of a client (RFC 9113 §8.3.1) after the connection preface (§3.4).

The `hpack` library decodes header blocks (RFC 7541), within limits; a block that cannot be decoded gives no
name. An upgrade from HTTP/1 (`Upgrade: h2c`) is named by its HTTP/1 request.
"""

from __future__ import annotations

from typing import NamedTuple

from hpack import Decoder, HPACKError

from sensor.decode.kernels.strings import printable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: Frames (RFC 9113 §6): headers, their continuation, and the flag that ends them.
HEADERS, CONTINUATION, END_HEADERS = 0x1, 0x9, 0x4
_PADDED = 0x8
_PRIORITY = 0x20
FRAME_HEADER = 9

#: Maximum size of a header list, in bytes as defined by RFC 7541 §4.1.
_LONGEST_LIST = 16384
#: Maximum bytes of a value, as in `kernels/strings`.
_LONGEST_VALUE = 1024


class Request(NamedTuple):
    """Headers of a request; host without port, path without query."""

    method: str | None
    host: str | None
    path: str | None
    user_agent: str | None


def first_request(data: bytes) -> Request | None:
    """The first request in the bytes of a client, which may be truncated; None if there is none."""
    block = _first_block(data)
    if block is None:
        return None
    decoder = Decoder(max_header_list_size=_LONGEST_LIST)
    try:
        headers = decoder.decode(block, raw=True)
    except HPACKError:
        return None
    first: dict[bytes, str] = {}
    for name, value in headers:
        first.setdefault(name, printable(value[:_LONGEST_VALUE]))
    authority = first.get(b":authority") or first.get(b"host")
    path = first.get(b":path")
    return Request(
        method=first.get(b":method") or None,
        host=_without_port(authority) if authority else None,
        path=path.partition("?")[0].partition("#")[0] or None if path else None,
        user_agent=first.get(b"user-agent") or None,
    )


def _without_port(authority: str) -> str | None:
    """The host of an authority (RFC 3986 §3.2): without user information, port and brackets."""
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0] or None
    return host.partition(":")[0] or None


def _first_block(data: bytes) -> bytes | None:
    """The first header block, assembled from HEADERS and CONTINUATION frames (RFC 9113 §4.3)."""
    if not data.startswith(PREFACE):
        return None
    at, block = len(PREFACE), None
    while at + FRAME_HEADER <= len(data):
        size, kind, flags = int.from_bytes(data[at : at + 3], "big"), data[at + 3], data[at + 4]
        at += FRAME_HEADER
        frame = data[at : at + size]
        if len(frame) < size:
            return None
        at += size
        if block is not None:
            if kind != CONTINUATION:
                return None
            block += frame
        elif kind == HEADERS:
            block = _fragment(frame, flags)
        if block is not None and flags & END_HEADERS and kind in (HEADERS, CONTINUATION):
            return block
    return None


def _fragment(frame: bytes, flags: int) -> bytes:
    """The header block fragment of a HEADERS frame, without padding and priority (RFC 9113 §6.2)."""
    padding, at = 0, 0
    if flags & _PADDED:
        padding, at = frame[0] if frame else 0, 1
    if flags & _PRIORITY:
        at += 5
    return frame[at : max(at, len(frame) - padding)]
