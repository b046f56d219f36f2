"""Reads header fields (RFC 9110 §5) of HTTP/1 requests and responses that describe an AI server.

This is slow, and called once per distinct head of at most 16 KB. Only the kind of credentials is kept, and
only type and fingerprint of AI keys (`credentials`). Results are tuples in the order of `OF_REQUESTS` and
`OF_ANSWERS`.
"""

from __future__ import annotations

import re

import polars as pl

from sensor.decode.http.json_rpc import METHOD, VERSION
from sensor.decode.kernels.strings import printable
from sensor.decode.text import credentials

OF_REQUESTS: dict[str, pl.DataType] = {
    "mcp_methods": pl.String(),
    "mcp_version": pl.String(),
    "credential": pl.String(),
    "key_type": pl.String(),
    "key_print": pl.String(),
}
OF_ANSWERS: dict[str, pl.DataType] = {
    "software": pl.String(),
    "streamed": pl.Boolean(),
    "server_version": pl.String(),
}

_MAX_SOFTWARE = 256
_FIELD = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*+([^\r\n]*+)(?=[\r\n])", re.M)
_KEYS = (b"x-api-key", b"api-key", b"x-goog-api-key", b"xi-api-key")
_OWN_VERSION = re.compile(rb"x-(?!(?:api|protocol|schema)-)(?:[a-z-]{2,24}-)?version\Z")
_VERSION_NUMBER = re.compile(rb"v?(\d{1,4}(?:\.\d{1,5}){1,3})")
_SCHEMES = {b"bearer": "bearer", b"basic": "basic"}


def _fields(head: bytes) -> dict[bytes, bytes]:
    """The header fields, names in lower case; the first one of repeated fields, and none that is cut."""
    found: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(head, head.find(b"\n") + 1):
        found.setdefault(name.lower(), value.rstrip())
    return found


def of_request(head: bytes) -> tuple[object, ...]:
    """The values of `OF_REQUESTS`; all None for an incomplete head, which a credential could still follow."""
    found = _fields(head)
    whole = head.endswith((b"\n\n", b"\n\r\n"))
    key = credentials.find(
        b"\n".join([head[: head.find(b"\n")], *(found.get(n, b"") for n in (b"authorization", *_KEYS))])
    )
    return (_method(found), _mcp_version(found), _credential(found, whole), *(key or (None, None)))


def _credential(found: dict[bytes, bytes], whole: bool) -> str | None:
    if b"authorization" in found:
        return _SCHEMES.get(found[b"authorization"].split(b" ")[0].lower(), "other")
    if any(name in found for name in _KEYS):
        return "key"
    if b"cookie" in found:
        return "cookie"
    return "none" if whole else None


def _mcp_version(found: dict[bytes, bytes]) -> str | None:
    version = found.get(b"mcp-protocol-version", b"")
    if VERSION.match(version):
        return version.decode()
    return "session" if b"mcp-session-id" in found else None


def _method(found: dict[bytes, bytes]) -> str | None:
    method = found.get(b"mcp-method")
    if method is None:
        return None
    return method.decode() if METHOD.match(method) else "other"  # in every POST from 2026-07-28 on


def of_answer(head: bytes) -> tuple[object, ...]:
    """The values of `OF_ANSWERS`: software, server_version (see the schema), and whether it is an event
    stream."""
    found = _fields(head)
    lines = [f"server: {printable(found[b'server']).lower()}"] if found.get(b"server") else []
    lines += sorted(name.decode() for name in found if name.startswith(b"x-"))
    software = ""
    for line in lines:
        if len(software) + 1 + len(line) > _MAX_SOFTWARE:
            break
        software += f"\n{line}" if software else line
    streamed = found.get(b"content-type", b"").lower().startswith(b"text/event-stream")
    own = next((value for name, value in found.items() if _OWN_VERSION.match(name)), b"")
    number = _VERSION_NUMBER.match(own)
    return software or None, streamed, number[1].decode() if number else None
