"""Selects later segments of cleartext HTTP, up to a rate: those that begin with a JSON-RPC message (for
`json_rpc`), or with a request that differs from the one before.

A message is recognised by its beginning, optionally after an HTTP head, a chunk size or the fields of a
server-sent event. So it is found if it is written in one piece, as SDKs do; continuations in further segments
are not examined. This module keeps no state.

References: persistent connections, RFC 9112 §9.3; chunks, RFC 9112 §7.1; messages, JSON-RPC 2.0 §4 and §5;
server-sent events, HTML Living Standard §9.2.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.flows.table import distance
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be32, u8
from sensor.decode.layout import SECOND, Bytes, Records, i64

#: Maximum bytes emitted per segment.
MOST_BYTES = 4096
#: Messages of a connection, of any kind, after which calls and later requests are no longer read. A request
#: and its response are two or three.
PER_CONNECTION = 80
REQUESTS_PER_CONNECTION = 32
#: Maximum calls and later requests per second of traffic; each takes up to 0.5 ms.
BUDGET_PER_S = 500

#: GET, POST, PUT, DELETE
_VERBS, _CONNECT = (0x47455420, 0x504F5354, 0x50555420, 0x44454C45), 0x434F4E4E

_HEAD_BYTES = 4096
_FIELDS_BYTES = 256
_TARGET_BYTES = 512
#: Members that SDKs write first (JSON-RPC 2.0 §4 and §5), except `id`, with which chunks of streamed answers
#: of language models begin.
_MEMBERS = (b'jsonrpc"', b'method"', b'result"', b'params"', b'error"')
_WORDS = np.zeros((len(_MEMBERS), 8), np.uint8)
for _row, _member in enumerate(_MEMBERS):
    _WORDS[_row, : len(_member)] = np.frombuffer(_member, np.uint8)


@kernel
def _after_blanks(data: Bytes, at: int, end: int) -> int:
    for i in range(at, min(end, at + 8)):
        if data[i] > 32:
            return i
    return at


@kernel
def _is_member(data: Bytes, at: int, end: int) -> bool:
    """True if exactly one of the words of `_MEMBERS` is here."""
    for row in range(_WORDS.shape[0]):
        size = 0
        while size < 8 and _WORDS[row, size] != 0 and u8(data, at + size, end) == _WORDS[row, size]:
            size += 1
        if size > 0 and (size == 8 or _WORDS[row, size] == 0):
            return True
    return False


@kernel
def _is_message(data: Bytes, at: int, end: int) -> bool:
    """True for an object, or an array of objects, whose first member is one of JSON-RPC."""
    at = _after_blanks(data, at, end)
    if u8(data, at, end) == 91:
        at = _after_blanks(data, at + 1, end)
    if u8(data, at, end) != 123:
        return False
    at = _after_blanks(data, at + 1, end)
    return u8(data, at, end) == 34 and _is_member(data, at + 1, end)


@kernel
def _is_hex(byte: int) -> bool:
    return 48 <= byte <= 57 or 97 <= byte <= 102 or 65 <= byte <= 70


@kernel
def after_chunk_size(data: Bytes, at: int, end: int) -> int:
    """The offset after a chunk size (RFC 9112 §7.1), or `at` if there is none."""
    i = at
    while i - at < 8 and _is_hex(u8(data, i, end)):
        i += 1
    return i + 2 if i > at and u8(data, i, end) == 13 and u8(data, i + 1, end) == 10 else at


@kernel
def _after_head(data: Bytes, at: int, end: int) -> int:
    """The offset after the empty line that ends an HTTP head; `end` if there is none."""
    for i in range(at + 3, min(end, at + _HEAD_BYTES)):
        if data[i] == 10 and data[i - 2] == 10:
            return i + 1
    return end


@kernel
def is_json_rpc(data: Bytes, packet: Records) -> bool:
    """True if a TCP payload begins with a JSON-RPC message, optionally after its HTTP head."""
    at, end = i64(packet["payload"]), i64(packet["end"])
    first, second = u8(data, at, end), u8(data, at + 1, end)
    if (first == 80 and second == 79) or (first == 72 and second == 84):  # POST, HTTP/1
        at = _after_head(data, at, end)
        first = u8(data, at, end)
    if first == 123 or first == 91 or first == 32:
        return _is_message(data, at, end)
    if _is_hex(first):
        at = after_chunk_size(data, at, end)
        first = u8(data, at, end)
    if first == 100 or first == 101 or first == 105:  # data:, event:, id: of a server-sent event
        for i in range(at, min(end, at + _FIELDS_BYTES)):
            if data[i] == 123:
                return _is_message(data, i, end)
        return False
    return _is_message(data, at, end)


@kernel
def request_hash(data: Bytes, at: int, end: int) -> int:
    """An 8-bit hash of method and target of a request, without the query."""
    value = i64(0)
    for i in range(at, min(end, at + _TARGET_BYTES)):
        if data[i] == 63 or data[i] < 32:
            break
        value = (value * 31 + data[i]) & 0xFFFFFF
    return (value ^ value >> 8 ^ value >> 16) & 0xFF


@kernel
def is_new_request(data: Bytes, packet: Records, flow: Records, wanted: bool) -> bool:
    """True if a segment begins with a later request of the client that differs from the one before, or is the
    same again because credentials were wanted.

    Where more of the stream is `wanted`, only a request for a tunnel is one, after the proxy refused another.
    One in 256 of those that differ has the same hash and is missed.
    """
    at, end, side = i64(packet["payload"]), i64(packet["end"]), i64(packet["side"])
    verb, status = be32(data, at, end), flow["status"]
    is_request = verb == _CONNECT and status >= 300 if wanted else verb in _VERBS and flow["events"] > 0
    is_next = is_request and flow["client"] == side + 1 and distance(packet["seq"], flow["next"][side]) >= 0
    return is_next and ((not wanted and status in (401, 407)) or request_hash(data, at, end) != flow["asked"])


@kernel
def affords(most: int, flow: Records, control: Records) -> bool:
    """True if a connection with fewer than `most` messages may emit one more in this second."""
    second = i64(control["clock"]) // SECOND
    if second != control["call_second"]:
        control["call_second"], control["calls"] = second, 0
    control["calls"] += 1
    return control["calls"] <= BUDGET_PER_S and flow["events"] < most
