"""mitmproxy dump files (`mitmdump -w`, `.mitm`): flows as tnetstrings, read without mitmproxy.

A file is a sequence of tnetstrings, `length:payload` followed by a character for the type; each is the state
of a flow (formats 5 to 21 of mitmproxy 2 to 12). The addon's function `exchange` turns each into the addon's
record, and the addon's log format reads these records. So bodies, query strings and credentials are dropped
here.

Flows are few and large, so one Python object per flow is affordable; one longer than `MAX_FLOW_BYTES` is only
counted. Source: mitmproxy/io/tnetstring.py, tnetstrings.org.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any

from sensor.chunks import ChunkStream, EndedEarly, fault_of
from sensor.sources.interface import Batch, Input, Source
from sensor.sources.logs.formats.mitmproxy import MitmproxyFormat
from sensor.sources.logs.lines.blocks import blocks
from sensor.sources.logs.text.reasons import NO_REQUEST
from sensor.sources.mitmproxy import shadowai_mitmproxy

MAX_FLOW_BYTES = 256 << 20
_MAX_LENGTH_DIGITS = 12
_MAX_DEPTH = 16
TOO_LONG, BROKEN = "flow too long to be read", "flow that cannot be read"
CUT = "ends in the middle of a flow"


class MitmproxyFlowsSource(Source):
    """Reads mitmproxy's flow files."""

    name = "mitmproxy-flows"
    help = "mitmproxy dump files (mitmdump -w, formats 5 to 21): HTTP, WebSocket, TCP, UDP flows"
    vantage = MitmproxyFormat.vantage
    is_recording = True
    proof = MitmproxyFormat.proof
    advice = "Dump files hold bodies and credentials: prefer the addon, which never writes them."

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """0.99 for a tnetstring that begins a dictionary with the keys of a flow."""
        size, _, rest = head[:64].partition(b":")
        looks = size.isdigit() and len(size) <= _MAX_LENGTH_DIGITS and rest[:1].isdigit()
        return 0.99 if looks and any(key in head for key in (b"11:client_conn;", b"11:client_conn,")) else 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """Batches of the exchanges, read by the log format of the addon."""
        (file,) = source_input.files
        log_format = MitmproxyFormat(self.internal_networks)
        reader = log_format.reader()
        with file.open() as raw:
            for block in blocks(io.BufferedReader(ChunkStream(_lines(raw)))):
                yield from reader.batches(block)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The exchanges in a stream of flows as JSON lines; `unread` is the reason why one could not be used."""
    for state in flows(stream):
        if state == CUT:
            raise EndedEarly(fault_of(stream) or CUT)
        unread, record = state, None
        if not isinstance(state, str):
            unread, record = NO_REQUEST, shadowai_mitmproxy.exchange(state)
        if record is None:
            record = {"shadowai": shadowai_mitmproxy.FORMAT, "unread": unread}
        yield json.dumps(record, default=str).encode("utf-8", "replace") + b"\n"


def flows(stream: IO[bytes]) -> Iterator[dict[str, Any] | str]:
    """The states of the flows in a stream; for one that could not be read, the reason as a string."""
    while True:
        size = _length(stream)
        if size is None:
            return
        if size < 0:
            yield CUT
            return
        if size > MAX_FLOW_BYTES:
            yield TOO_LONG
            if not _skip(stream, size + 1):
                yield CUT
                return
            continue
        payload = stream.read(size + 1)
        if len(payload) <= size:
            yield CUT
            return
        found = _value(payload[:-1], payload[-1:], 0)
        yield _named(found) if isinstance(found, dict) else BROKEN


def _length(stream: IO[bytes]) -> int | None:
    """The number before the next colon; None at the end of the stream, -1 if there is no number."""
    digits = b""
    while len(digits) <= _MAX_LENGTH_DIGITS:
        byte = stream.read(1)
        if not byte and not digits.strip():
            return None
        if byte == b":":
            return int(digits) if digits.isdigit() else -1
        if not byte or not (byte.isdigit() or byte in b"\r\n"):
            return -1
        digits = (digits + byte).strip()
    return -1


def _skip(stream: IO[bytes], count: int) -> bool:
    while count and (piece := stream.read(min(count, 1 << 20))):
        count -= len(piece)
    return count == 0


def _value(payload: bytes, kind: bytes, depth: int) -> Any:
    """One tnetstring; None where it is broken or nested too deep."""
    if kind == b",":
        return payload
    if kind == b";":
        return payload.decode("utf-8", "replace")
    if kind == b"!":
        return payload == b"true"
    if kind in (b"#", b"^"):
        try:
            return int(payload) if kind == b"#" and len(payload) < 20 else float(payload)
        except ValueError:
            return None
    if kind not in (b"]", b"}") or depth > _MAX_DEPTH:
        return None
    parts = list(_parts(payload, depth + 1))
    if kind == b"]":
        return parts
    keys = (key.decode("utf-8", "replace") if isinstance(key, bytes) else key for key in parts[::2])
    return {key: value for key, value in zip(keys, parts[1::2], strict=False) if isinstance(key, str)}


def _parts(payload: bytes, depth: int) -> Iterator[Any]:
    at = 0
    while at < len(payload):
        colon = payload.find(b":", at, at + _MAX_LENGTH_DIGITS + 1)
        digits = payload[at:colon]
        if colon < 0 or not digits.isdigit():
            return
        end = colon + 1 + int(digits)
        if end >= len(payload):
            return
        yield _value(payload[colon + 1 : end], payload[end : end + 1], depth)
        at = end + 1


def _named(state: dict[str, Any]) -> dict[str, Any]:
    """`state` with its type. Early versions of mitmproxy wrote none, because all flows were HTTP."""
    return {"type": "http"} | state
