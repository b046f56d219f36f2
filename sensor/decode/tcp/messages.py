"""Recognises the first message in a payload, and copies complete messages to the arena.

    HELLO         TLS ClientHello, on any port, over several records (RFC 8446 §4.1.2)
    REQUEST       head of an HTTP/1 request, including its empty line (RFC 9112 §2.1)
    PREFACE       cleartext HTTP/2 up to the end of the first header block (RFC 9113 §3.4)
    CERTIFICATE   a TLS server's handshake from ServerHello to Certificate (RFC 5246 §7.4.2)

All reads are bounded by the payload's captured end, all copies by `STREAM_BYTES`.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.http import http2
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, be32, copy, u8
from sensor.decode.layout import PAGE, PAGES_PER_STREAM, Bytes, Output, Records, i64
from sensor.decode.tls import record_layer

# Kinds of EVENT.
HELLO = 1
REQUEST = 2
INITIAL = 3
"""A UDP datagram that begins with a QUIC Initial."""
DNS_MESSAGE = 4
"""A DNS message from or to port 53, over UDP or TCP (without the length prefix)."""
PREFACE = 5
CERTIFICATE = 6
IDENTITY = 8
"""A packet that may identify the holder of an address: a datagram, or the first bytes of a TCP segment."""

JSON_RPC = 9
"""A TCP segment that begins with a JSON-RPC message, or with an HTTP head and one."""

FIRST_BYTES = 10
"""The first bytes of one side of a connection that may speak a protocol of `cluster_protocols.py`."""

BODY = 11
"""The first bytes of the body of the response to a REQUEST."""

RESPONSE = 7
"""Head of the response to a REQUEST, up to the end of its first segment."""

DNS_PORT = 53

#: Maximum bytes reassembled per direction.
STREAM_BYTES = PAGE * PAGES_PER_STREAM

# Result of copying a message.
WHOLE = 0
PARTIAL = 1
INVALID = 2

_MAX_RECORD = (1 << 14) + 256

#: Methods of RFC 9110, WebDAV, CalDAV, Subversion, Outlook and UPnP, frequent ones first.
_TOKENS = (
    b"GET ", b"POST ", b"PUT ", b"HEAD ", b"PATCH ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"TRACE ",
    b"PROPFIND ", b"PROPPATCH ", b"REPORT ", b"SEARCH ", b"MKCOL ", b"MKCALENDAR ", b"COPY ", b"MOVE ",
    b"LOCK ", b"UNLOCK ", b"NOTIFY ", b"SUBSCRIBE ", b"UNSUBSCRIBE ", b"M-SEARCH ", b"PURGE ",
    b"QUERY ", b"LINK ", b"MERGE ", b"CHECKOUT ", b"CHECKIN ", b"MKACTIVITY ", b"POLL ",
    b"RPC_IN_DATA ", b"RPC_OUT_DATA ", b"CCM_POST ",
)  # fmt: skip
_METHODS = np.zeros((len(_TOKENS), 13), np.uint8)
for _row, _token in enumerate(_TOKENS):
    _METHODS[_row, : len(_token)] = np.frombuffer(_token, np.uint8)
_VERSION = np.frombuffer(b"HTTP/1.", np.uint8)
_PREFACE_TEXT = np.frombuffer(http2.PREFACE, np.uint8)

# Preludes that a proxy sends before the payload (HAProxy PROXY protocol, §2.1 and §2.2).
_PROXY_LINE = np.frombuffer(b"PROXY ", np.uint8)
_PROXY_BINARY = np.frombuffer(b"\r\n\r\n\x00\r\nQUIT\n", np.uint8)
_MAX_PROXY_LINE = 107
_MAX_SOCKS = 520
_TDS_PRELOGIN = 18


@kernel
def _begins_handshake(data: Bytes, at: int, end: int, kind: int) -> bool:
    """True for a handshake record (RFC 8446 §5.1) that begins with this message, as far as captured."""
    if u8(data, at, end) != record_layer.HANDSHAKE:
        return False
    major, minor, message = u8(data, at + 1, end), u8(data, at + 2, end), u8(data, at + 5, end)
    return (major == -1 or major == 3) and minor <= 4 and (message == -1 or message == kind)


@kernel
def _begins_with(data: Bytes, at: int, end: int, token: Bytes) -> bool:
    """True if the bytes begin with `token` (zero-padded), or are a prefix of it."""
    for i in range(token.size):
        byte = u8(data, at + i, end)
        if token[i] == 0 or byte == -1:
            return i > 0
        if byte != token[i]:
            return False
    return True


@kernel
def message_kind(data: Bytes, at: int, end: int) -> int:
    """The kind of message that begins at `at`: HELLO, REQUEST, PREFACE, CERTIFICATE, RESPONSE, or 0."""
    first = u8(data, at, end)
    if first != record_layer.HANDSHAKE and (first < 67 or first > 85):
        return 0  # neither a handshake record nor one of the letters C to U
    if _begins_handshake(data, at, end, record_layer.CLIENT_HELLO):
        return HELLO
    if first == record_layer.HANDSHAKE:
        return CERTIFICATE if _begins_handshake(data, at, end, record_layer.SERVER_HELLO) else 0
    if _begins_with(data, at, end, _VERSION):
        return RESPONSE
    for row in range(_METHODS.shape[0]):
        if _begins_with(data, at, end, _METHODS[row]):
            return REQUEST
    return PREFACE if _begins_with(data, at, end, _PREFACE_TEXT) else 0


@kernel
def _after_socks(data: Bytes, at: int, end: int) -> int:
    """The offset after the messages that a client sends to a SOCKS proxy without waiting for responses.

    Version 5: methods, password, request (RFC 1928 §3 and §4, RFC 1929). Version 4: a request with
    zero-terminated user and host.
    """
    if u8(data, at, end) == 4:
        zeros = 2 if be32(data, at + 4, end) >> 8 == 0 else 1
        for i in range(at + 8, min(end, at + _MAX_SOCKS)):
            zeros -= 1 if u8(data, i, end) == 0 else 0
            if zeros == 0:
                return i + 1
        return end
    if u8(data, at + 2, end) != 0 or u8(data, at + 3, end) not in (1, 3, 4):
        at += 2 + max(0, u8(data, at + 1, end))
        if u8(data, at, end) == 1:
            at += 2 + max(0, u8(data, at + 1, end))
            at += 1 + max(0, u8(data, at, end))
    if u8(data, at, end) == 5:
        kind = u8(data, at + 3, end)
        at += 10 if kind == 1 else 22 if kind == 4 else 7 + max(0, u8(data, at + 4, end))
    return min(at, end)


@kernel
def may_be_prelude(first: int) -> bool:
    """True if a payload with this first byte may have a prelude that `after_prelude` skips."""
    return first == 13 or first == 4 or first == 5 or first == _TDS_PRELOGIN


@kernel
def after_prelude(data: Bytes, at: int, end: int) -> int:
    """The offset after a PROXY protocol header, an empty line (RFC 9112 §2.2), a SOCKS request, or the header
    that SQL Server clients send before TLS ([MS-TDS] §2.2.3.1); else `at`."""
    first = u8(data, at, end)
    if first == 4 or first == 5:
        return _after_socks(data, at, end)
    if first == _TDS_PRELOGIN:
        return at + 8 if u8(data, at + 8, end) == record_layer.HANDSHAKE else at
    if first == 80 and end - at > _PROXY_LINE.size and _begins_with(data, at, end, _PROXY_LINE):
        for i in range(at, min(end, at + _MAX_PROXY_LINE)):
            if u8(data, i, end) == 10:
                return i + 1
    elif first == 13 and end - at >= 16:
        for i in range(_PROXY_BINARY.size):
            if data[at + i] != _PROXY_BINARY[i]:
                return at + 2 if i > 1 else at
        return min(end, at + 16 + be16(data, at + 14, end))
    return at + 2 if first == 13 and u8(data, at + 1, end) == 10 else at


@kernel
def _messages_end(arena: Bytes, to: int, size: int, wanted: int) -> tuple[int, int]:
    """Status of the handshake messages arena[to : to + size], and the length up to the end of the wanted one.

    A ClientHello comes first; a certificate follows the ServerHello. The beginning of a message larger than
    the buffer is enough, because names come early.
    """
    at, end = to, to + size
    while at + 4 <= end:
        kind, length = u8(arena, at, end), be32(arena, at, end) & 0xFFFFFF
        if kind != wanted and not (
            wanted == record_layer.CERTIFICATE and kind == record_layer.SERVER_HELLO and at == to
        ):
            return INVALID, 0
        at += 4 + length
        if kind == wanted:
            return (WHOLE, at - to) if at <= end else (PARTIAL, size)
    return PARTIAL, size


@kernel
def _copy_handshake(data: Bytes, at: int, end: int, arena: Bytes, to: int, wanted: int) -> tuple[int, int]:
    """Copy handshake messages to the arena without their record headers."""
    size = 0
    while True:
        status, length = _messages_end(arena, to, size, wanted)
        if status != PARTIAL:
            return status, length
        begin = at + record_layer.HEADER_BYTES
        if begin > end or size == STREAM_BYTES:
            return PARTIAL, size
        record = be16(data, at + 3, end)
        if u8(data, at, end) != record_layer.HANDSHAKE or record == 0 or record > _MAX_RECORD:
            return INVALID, 0
        take = min(record, end - begin, STREAM_BYTES - size)
        copy(data, begin, take, arena, to + size)
        size += take
        at = begin + record


@kernel
def _copy_head(data: Bytes, at: int, end: int, arena: Bytes, to: int) -> tuple[int, int]:
    size = min(end - at, STREAM_BYTES)
    copy(data, at, size, arena, to)
    for i in range(1, size):
        if arena[to + i] == 10 and (arena[to + i - 1] == 10 or (i >= 3 and arena[to + i - 2] == 10)):
            return WHOLE, i + 1
    return PARTIAL, size


@kernel
def _copy_preface(data: Bytes, at: int, end: int, arena: Bytes, to: int) -> tuple[int, int]:
    size = min(end - at, STREAM_BYTES)
    copy(data, at, size, arena, to)
    frame = at + _PREFACE_TEXT.size
    while frame + http2.FRAME_HEADER <= end:
        kind, flags = u8(data, frame + 3, end), u8(data, frame + 4, end)
        frame += http2.FRAME_HEADER + (be32(data, frame, end) >> 8)
        if kind in (http2.HEADERS, http2.CONTINUATION) and flags & http2.END_HEADERS:
            return (WHOLE, frame - at) if frame - at <= size else (PARTIAL, size)
    return PARTIAL, size


@kernel
def copy_message(kind: int, data: Bytes, at: int, end: int, arena: Bytes, to: int) -> tuple[int, int]:
    """Copy the message that begins at data[at:end] to arena[to:]; returns the status and its length."""
    if kind == HELLO:
        return _copy_handshake(data, at, end, arena, to, record_layer.CLIENT_HELLO)
    if kind == CERTIFICATE:
        return _copy_handshake(data, at, end, arena, to, record_layer.CERTIFICATE)
    if kind == PREFACE:
        return _copy_preface(data, at, end, arena, to)
    return _copy_head(data, at, end, arena, to)


@kernel
def is_connect(arena: Bytes, at: int) -> bool:
    """True if the request at `at` is a CONNECT request."""
    return arena[at] == 67 and arena[at + 1] == 79 and arena[at + 2] == 78


@kernel
def names_server(arena: Bytes, at: int, end: int) -> bool:
    """True if the ClientHello at `at` has a server_name extension."""
    at += 38
    at += 1 + max(0, u8(arena, at, end))
    at += 2 + max(0, be16(arena, at, end))
    at += 3 + max(0, u8(arena, at, end))
    while at + 4 <= end:
        if be16(arena, at, end) == 0:
            return True
        at += 4 + be16(arena, at + 2, end)
    return False


@kernel
def response_status(data: Bytes, at: int, end: int) -> int:
    """The status code of an HTTP/1 status line, `HTTP/1.1 200 OK`; 0 if truncated or invalid."""
    status = 0
    for i in range(9, 12):
        digit = u8(data, at + i, end) - 48
        if digit < 0 or digit > 9:
            return 0
        status = status * 10 + digit
    return status


@kernel
def emit_packet_event(kind: int, length: int, serial: int, ordinal: int, packet: Records, output: Output,
                      control: Records) -> None:  # fmt: skip
    """Commit the `length` bytes at the end of the arena as a message of the sender of a packet."""
    out = output.events[control["events"]]
    for i in range(2):
        out["address"][i], out["address"][2 + i] = packet["source"][i], packet["target"][i]
    out["port"][0], out["port"][1] = packet["source_port"], packet["target_port"]
    out["side"], out["protocol"], out["tunnel"] = packet["side"], packet["protocol"], packet["tunnel"]
    emit_event(kind, length, i64(packet["time"]), serial, ordinal, output.events, control)


@kernel
def emit_event(kind: int, length: int, time: int, serial: int, ordinal: int, events: Records,
               control: Records) -> None:  # fmt: skip
    """Commit the `length` bytes at the end of the arena as a message."""
    out = events[control["events"]]
    control["events"] += 1
    out["kind"], out["serial"], out["ordinal"] = kind, serial, ordinal
    out["time"], out["offset"], out["length"] = time, control["arena"], length
    control["arena"] += i64(length)
