"""HTTP/1 request heads (RFC 9112 §3): method, host, path without query, user agent.

The host is the CONNECT authority, else the host of an absolute request target, else the Host field, without
port. Nothing else of a head is read.
"""

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import be32, find, u8
from sensor.decode.layout import Bytes, Records, i64, records

#: A parsed HTTP/1 request head: offset in the arena and length of each part.
HEAD = np.dtype(
    [
        (name, np.int64)
        for name in (
            "method", "method_length", "host", "host_length", "path", "path_length", "agent", "agent_length",
        )
    ]
)  # fmt: skip

_SPACE = 32
_SLASH = 47
_COLON = 58
_LINE_FEED = 10
_HOST = np.frombuffer(b"host:", np.uint8)
_AGENT = np.frombuffer(b"user-agent:", np.uint8)
_PROTOCOL = np.frombuffer(b"http/1.", np.uint8)
#: `://`, and the most letters before it: proxies are asked for http, https, ws, wss and ftp.
_AUTHORITY_FOLLOWS = 0x3A2F2F
_LONGEST_SCHEME = 5


@kernel
def _matches(data: Bytes, at: int, end: int, token: Bytes) -> bool:
    """True if data[at:end] begins with `token` (lower case), ignoring case."""
    if at < 0 or at + token.size > end:
        return False
    for i in range(token.size):
        byte = i64(data[at + i])
        if 65 <= byte <= 90:
            byte += 32
        if byte != token[i]:
            return False
    return True


@kernel
def _set_host(data: Bytes, at: int, end: int, head: Records) -> None:
    """Set the host to data[at:end] without port, user information and surrounding blanks."""
    while at < end and (data[at] == _SPACE or data[at] == 9):
        at += 1
    while end > at and data[end - 1] <= _SPACE:
        end -= 1
    user = find(data, at, end, 64)
    if user < end:
        at = user + 1
    stop = find(data, at, end, 93) if at < end and data[at] == 91 else at  # [IPv6]
    stop = find(data, stop, end, _COLON)
    head["host"], head["host_length"] = at, stop - at


@kernel
def _read_target(data: Bytes, at: int, end: int, head: Records) -> None:
    """Read the request target (RFC 9112 §3.2): origin, absolute or authority form."""
    colon = find(data, at, min(end, at + _LONGEST_SCHEME), _COLON)
    if u8(data, at, end) != _SLASH and be32(data, colon, end) >> 8 == _AUTHORITY_FOLLOWS:
        at = colon + 3
        slash = min(find(data, at, end, _SLASH), find(data, at, end, 63))
        _set_host(data, at, slash, head)
        at = slash
    elif head["method_length"] == 7 and data[head["method"]] == 67:
        _set_host(data, at, end, head)
        return
    query = min(find(data, at, end, 63), find(data, at, end, 35))
    head["path"], head["path_length"] = at, query - at


@kernel
def _parse(data: Bytes, at: int, end: int, head: Records) -> None:
    line = find(data, at, end, _LINE_FEED)
    stop = line - 1 if line > at and data[line - 1] == 13 else line
    if line < end and not _matches(data, stop - _PROTOCOL.size - 1, stop, _PROTOCOL):
        return  # SIP and RTSP share the methods, not the version
    space = find(data, at, stop, _SPACE)
    head["method"], head["method_length"] = at, space - at
    if space < stop:
        _read_target(data, space + 1, find(data, space + 1, stop, _SPACE), head)
    at = line + 1
    while at < end:
        line = find(data, at, end, _LINE_FEED)
        if head["host_length"] == 0 and _matches(data, at, line, _HOST):
            _set_host(data, at + _HOST.size, line, head)
        elif head["agent_length"] == 0 and _matches(data, at, line, _AGENT):
            first = at + _AGENT.size
            while first < line and data[first] == _SPACE:
                first += 1
            stop = line - 1 if line > first and data[line - 1] == 13 else line
            head["agent"], head["agent_length"] = first, stop - first
        at = line + 1


@entry
def _parse_all(data: Bytes, begins: Records, lengths: Records, heads: Records) -> None:
    for i in range(begins.size):
        _parse(data, begins[i], begins[i] + lengths[i], heads[i])


def parse(data: Bytes, begins: Records, lengths: Records) -> Records:
    """HEAD records of the request heads at data[begins:][:lengths]."""
    heads = records(HEAD, begins.size)
    _parse_all(data, begins, lengths, heads)
    return heads
