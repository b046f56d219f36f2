"""First payloads, in whatever order they come, become whole messages in the arena.

Only a direction whose first payloads look like a known protocol is read, up to 16 KB of it: a TLS
ClientHello (any port, several segments, several records) or the head of an HTTP/1 request. A message
that is whole in one segment goes straight to the arena; else its segments wait on 4 KB pages, the first
copy of a byte wins, for at most ten seconds. What does not fit is counted, never guessed.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.flow import ACK, SYN, distance
from sensor.decode.jit import kernel
from sensor.decode.layout import INTERVALS, PAGE, PAGES_PER_STREAM, SECOND, Bytes, Records, i64
from sensor.decode.read import u8

# Kinds of EVENT.
HELLO = 1
"""A ClientHello handshake message, record headers taken off."""
REQUEST = 2
"""The head of an HTTP/1 request."""
INITIAL = 3
"""A UDP datagram that begins with a QUIC Initial."""
DNS_MESSAGE = 4
"""A DNS message from port 53 or to it, over UDP or TCP (without its length)."""
PREFACE = 5
"""The first bytes of a cleartext HTTP/2 client: its preface and the frames behind it."""
CERTIFICATE = 6
"""A TLS server's first handshake messages up to its certificates, record headers taken off."""

_RESPONSE = 7

#: `COLD.probed` once nothing more is expected of a direction.
DONE = 255
#: First payloads of a direction that may begin a message (a hello may follow CONNECT, SOCKS, STARTTLS).
_PROBES = 16

#: Bytes of one direction that are kept together.
STREAM_BYTES = PAGE * PAGES_PER_STREAM
#: Segments of one message: more is an attack on our time.
_MAX_INSERTS = 64
_LIFE = 10 * SECOND

_MAX_RECORD = (1 << 14) + 256

_TOKENS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"PATCH ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"TRACE ")
_METHODS = np.zeros((len(_TOKENS), 8), np.uint8)
for _row, _token in enumerate(_TOKENS):
    _METHODS[_row, : len(_token)] = np.frombuffer(_token, np.uint8)
_VERSION = np.frombuffer(b"HTTP/1.", np.uint8)

#: `start` of a stream that cannot be placed.
_NOWHERE = -2

# What came of trying to read a message.
_WHOLE = 0
_PARTIAL = 1
_INVALID = 2


@kernel
def _begins_hello(data: Bytes, at: int, end: int) -> bool:
    """Handshake record (RFC 8446 §5.1) with a ClientHello in it, as far as the bytes go."""
    if u8(data, at, end) != 22:
        return False
    major, minor, kind = u8(data, at + 1, end), u8(data, at + 2, end), u8(data, at + 5, end)
    return (major == -1 or major == 3) and minor <= 4 and (kind == -1 or kind == 1)


@kernel
def _begins_with(data: Bytes, at: int, end: int, token: Bytes) -> bool:
    """True if the bytes begin with `token` (zero-padded), or are a beginning of it."""
    for i in range(token.size):
        byte = u8(data, at + i, end)
        if token[i] == 0 or byte == -1:
            return i > 0
        if byte != token[i]:
            return False
    return True


@kernel
def _begins(data: Bytes, at: int, end: int) -> int:
    """What message begins here: HELLO, REQUEST, _RESPONSE or 0."""
    first = u8(data, at, end)
    if first != 22 and (first < 67 or first > 84):
        return 0  # neither a handshake record nor one of the letters C to T
    if _begins_hello(data, at, end):
        return HELLO
    if _begins_with(data, at, end, _VERSION):
        return _RESPONSE
    for row in range(_METHODS.shape[0]):
        if _begins_with(data, at, end, _METHODS[row]):
            return REQUEST
    return 0


@kernel
def _copy_hello(data: Bytes, at: int, end: int, arena: Bytes, to: int) -> tuple[int, int]:
    """Copy a ClientHello to the arena without its record headers: what came of it, and its length."""
    size = 0
    while True:
        if size >= 4:
            if arena[to] != 1:
                return _INVALID, 0
            needed = 4 + (i64(arena[to + 1]) << 16 | i64(arena[to + 2]) << 8 | i64(arena[to + 3]))
            if needed > STREAM_BYTES:
                return _INVALID, 0
            if size >= needed:
                return _WHOLE, needed
        if at + 5 > end:
            return _PARTIAL, size
        length = u8(data, at + 3, end) << 8 | u8(data, at + 4, end)
        if u8(data, at, end) != 22 or length == 0 or length > _MAX_RECORD:
            return _INVALID, 0
        take = min(length, end - at - 5, STREAM_BYTES - size)
        arena[to + size : to + size + take] = data[at + 5 : at + 5 + take]
        size += take
        at += 5 + length


@kernel
def _copy_head(data: Bytes, at: int, end: int, arena: Bytes, to: int) -> tuple[int, int]:
    """Copy an HTTP head, up to and with its empty line (RFC 9112 §2.1), to the arena."""
    size = min(end - at, STREAM_BYTES)
    for i in range(size):
        byte = data[at + i]
        arena[to + i] = byte
        if byte == 10 and i >= 1 and (arena[to + i - 1] == 10 or (i >= 3 and arena[to + i - 2] == 10)):
            return _WHOLE, i + 1
    return _PARTIAL, size


@kernel
def _copy_message(kind: int, data: Bytes, at: int, end: int, arena: Bytes, to: int) -> tuple[int, int]:
    if kind == HELLO:
        return _copy_hello(data, at, end, arena, to)
    return _copy_head(data, at, end, arena, to)


@kernel
def emit_event(
    kind: int,
    length: int,
    complete: int,
    time: int,
    serial: int,
    ordinal: int,
    events: Records,
    control: Records,
) -> None:
    """Commit `length` bytes at the end of the arena as a message."""
    out = events[control["events"]]
    control["events"] += 1
    out["kind"], out["serial"], out["ordinal"] = kind, serial, ordinal
    out["time"], out["offset"], out["length"] = time, control["arena"], length
    out["complete"] = complete
    control["arena"] += length


@kernel
def _is_connect(arena: Bytes, at: int) -> bool:
    return arena[at] == 67 and arena[at + 1] == 79 and arena[at + 2] == 78


@kernel
def _deliver(
    kind: int, length: int, complete: int, time: int, flow: Records, cold: Records, side: int,
    arena: Bytes, events: Records, control: Records,
) -> None:  # fmt: skip
    """Hand a client's message on; whoever sent it is the client."""
    tunnel = kind == REQUEST and _is_connect(arena, i64(control["arena"]))
    cold["events"] += 1
    out = events[control["events"]]
    out["side"], out["protocol"], out["tunnel"] = side, flow["protocol"], cold["tunnel"]
    emit_event(kind, length, complete, time, i64(cold["serial"]), i64(cold["events"]), events, control)
    if flow["client"] == 0:
        flow["client"] = 1 + side
    # Behind CONNECT a hello is still to come; behind everything else nothing that could name the flow.
    cold["probed"][side] = 1 if tunnel else DONE


@kernel
def release(row: int, streams: Records, colds: Records, stacks: Records, control: Records) -> None:
    """Give a half-read message's pages back. `stacks` holds free pages (0) and free stream rows (1)."""
    stream = streams[row]
    colds[stream["flow"]]["stream"][stream["side"]] = -1
    for i in range(PAGES_PER_STREAM):
        if stream["page"][i] >= 0:
            stacks[0, control["pages"]] = stream["page"][i]
            control["pages"] += 1
    stream["flow"] = -1
    stacks[1, control["stream_rows"]] = row
    control["stream_rows"] += 1


@kernel
def _open(row: int, side: int, base: int, start: int, time: int, streams: Records, colds: Records,
          stacks: Records, control: Records) -> int:  # fmt: skip
    """A stream row whose offset 0 is sequence number `base`; -1 if there is none left."""
    if control["stream_rows"] == 0:
        return -1
    control["stream_rows"] -= 1
    at = i64(stacks[1, control["stream_rows"]])
    stream = streams[at]
    stream["flow"], stream["side"], stream["base"], stream["start"] = row, side, base & 0xFFFFFFFF, start
    stream["born"], stream["intervals"], stream["inserts"] = time, 0, 0
    for i in range(PAGES_PER_STREAM):
        stream["page"][i] = -1
    colds[row]["stream"][side] = at
    return at


@kernel
def _page_of(stream: Records, offset: int, stacks: Records, control: Records) -> int:
    """The page that holds `offset`, taken from the free ones on first use; -1 if there is none."""
    i = offset // PAGE
    if stream["page"][i] < 0:
        if control["pages"] == 0:
            return -1
        control["pages"] -= 1
        stream["page"][i] = stacks[0, control["pages"]]
    return i64(stream["page"][i])


@kernel
def _write(stream: Records, data: Bytes, at: int, first: int, last: int, pages: Bytes, stacks: Records,
           control: Records) -> bool:  # fmt: skip
    """Copy data[at:] to offsets [first, last), page by page."""
    while first < last:
        page = _page_of(stream, first, stacks, control)
        if page < 0:
            return False
        size = min(last, (first // PAGE + 1) * PAGE) - first
        to = page * PAGE + first % PAGE
        pages[to : to + size] = data[at : at + size]
        first += size
        at += size
    return True


@kernel
def _merge(stream: Records, first: int, last: int) -> bool:
    """Add [first, last) to the covered intervals, kept sorted and apart; False if there are too many."""
    begins, ends = stream["covered_from"], stream["covered_to"]
    count, kept = i64(stream["intervals"]), 0
    for i in range(count):
        low, high = i64(begins[i]), i64(ends[i])
        if high >= first and low <= last:
            first, last = min(first, low), max(last, high)
        else:
            begins[kept], ends[kept] = low, high
            kept += 1
    if kept == INTERVALS:
        return False
    at = kept
    while at > 0 and begins[at - 1] > first:
        begins[at], ends[at] = begins[at - 1], ends[at - 1]
        at -= 1
    begins[at], ends[at] = first, last
    stream["intervals"] = kept + 1
    return True


@kernel
def _insert(stream: Records, data: Bytes, at: int, first: int, size: int, pages: Bytes, stacks: Records,
            control: Records) -> bool:  # fmt: skip
    """Keep the bytes of a segment that are not there yet; False if they do not fit."""
    stream["inserts"] += 1
    last = min(first + size, STREAM_BYTES)
    if first < 0 or first >= last:
        return True
    position = first
    for i in range(i64(stream["intervals"])):
        low, high = i64(stream["covered_from"][i]), i64(stream["covered_to"][i])
        if (
            low > position
            and low < last
            and not _write(stream, data, at + position - first, position, low, pages, stacks, control)
        ):
            return False
        if high > position and low < last:
            position = min(high, last)
    if position < last and not _write(
        stream, data, at + position - first, position, last, pages, stacks, control
    ):
        return False
    return _merge(stream, first, last)


@kernel
def _gather(stream: Records, pages: Bytes, scratch: Bytes) -> int:
    """Copy what is contiguous from the message's start into `scratch`; returns its length."""
    start = i64(stream["start"])
    for i in range(i64(stream["intervals"])):
        if stream["covered_from"][i] <= start and start < stream["covered_to"][i]:
            size = i64(stream["covered_to"][i]) - start
            for k in range(size):
                offset = start + k
                page = i64(stream["page"][offset // PAGE])
                scratch[k] = pages[page * PAGE + offset % PAGE]
            return size
    return 0


@kernel
def give_up(row: int, time: int, streams: Records, pages: Bytes, stacks: Records, scratch: Bytes,
            flows: Records, colds: Records, arena: Bytes, events: Records,
            control: Records) -> None:  # fmt: skip
    """End a half-read message: what there is of it may still hold the name."""
    stream = streams[row]
    flow, cold = flows[stream["flow"]], colds[stream["flow"]]
    side = i64(stream["side"])
    cold["probed"][side] = DONE
    if stream["start"] >= 0:
        size = _gather(stream, pages, scratch)
        kind = _begins(scratch, 0, size)
        if kind in (HELLO, REQUEST):
            status, length = _copy_message(kind, scratch, 0, size, arena, i64(control["arena"]))
            if status != _INVALID and length > 0:
                _deliver(kind, length, 0, time, flow, cold, side, arena, events, control)
    release(row, streams, colds, stacks, control)


@kernel
def _advance(row: int, time: int, streams: Records, pages: Bytes, stacks: Records, scratch: Bytes,
             flows: Records, colds: Records, arena: Bytes, events: Records,
            control: Records) -> None:  # fmt: skip
    """Deliver a half-read message if it is whole now; drop it if it never was one."""
    stream = streams[row]
    if stream["start"] < 0:
        return
    size = _gather(stream, pages, scratch)
    if size == 0:
        return
    flow, cold, side = flows[stream["flow"]], colds[stream["flow"]], i64(stream["side"])
    kind = _begins(scratch, 0, size)
    if kind != HELLO and kind != REQUEST:
        release(row, streams, colds, stacks, control)
        cold["probed"][side] = DONE if kind == _RESPONSE else min(_PROBES, cold["probed"][side] + 1)
        return
    status, length = _copy_message(kind, scratch, 0, size, arena, i64(control["arena"]))
    if status == _WHOLE or size == STREAM_BYTES:
        _deliver(kind, length, 1 if status == _WHOLE else 0, time, flow, cold, side, arena, events, control)
        release(row, streams, colds, stacks, control)
    elif status == _INVALID:
        release(row, streams, colds, stacks, control)
        cold["probed"][side] = DONE


@kernel
def _note_status(data: Bytes, at: int, end: int, cold: Records) -> None:
    """The status code of an HTTP/1 response line, `HTTP/1.1 200 OK`."""
    status = 0
    for i in range(9, 12):
        digit = u8(data, at + i, end) - 48
        if digit < 0 or digit > 9:
            return
        status = status * 10 + digit
    if cold["status"] == 0:
        cold["status"] = status


@kernel
def _place(data: Bytes, packet: Records, kind: int, flow: Records, cold: Records) -> tuple[int, int]:
    """Where a new stream begins for this segment: sequence number of offset 0, and the message's start."""
    side, seq = i64(packet["side"]), packet["seq"]
    if packet["flags"] & SYN:
        seq += 1
    if kind != 0:
        return seq, 0
    if cold["based"][side] == 0 and packet["flags"] & ACK:
        return seq - PAGE, -1  # joined in the middle: the message may have begun up to a page earlier
    ahead = distance(seq, i64(flow["next"][side]))
    if cold["based"][side] != 0 and 0 < ahead < STREAM_BYTES:
        return i64(flow["next"][side]), 0  # what lies between is still on its way
    return 0, _NOWHERE


@kernel
def probe(data: Bytes, packet: Records, row: int, streams: Records, pages: Bytes, stacks: Records,
          scratch: Bytes, flows: Records, colds: Records, arena: Bytes, events: Records,
          control: Records) -> None:  # fmt: skip
    """Look at a TCP payload, before it is accounted, for (part of) a message that names the connection."""
    flow, cold, side = flows[row], colds[row], i64(packet["side"])
    at, end, time = i64(packet["payload"]), i64(packet["end"]), i64(packet["time"])
    size = end - at
    if size <= 0 or cold["probed"][side] == DONE:
        return
    kind = _begins(data, at, end)
    if kind == _RESPONSE:
        _note_status(data, at, end, cold)
        cold["probed"][side] = DONE
        if cold["stream"][side] >= 0:
            release(i64(cold["stream"][side]), streams, colds, stacks, control)
        return
    held = i64(cold["stream"][side])
    if held < 0:
        if kind != 0:
            status, length = _copy_message(kind, data, at, end, arena, i64(control["arena"]))
            if status == _WHOLE:
                _deliver(kind, length, 1, time, flow, cold, side, arena, events, control)
                return
            if status == _INVALID:
                kind = 0
        cold["probed"][side] += 1
        if cold["probed"][side] > _PROBES:
            cold["probed"][side] = DONE
            return
        base, start = _place(data, packet, kind, flow, cold)
        if start == _NOWHERE:
            return
        held = _open(row, side, base, start, time, streams, colds, stacks, control)
        if held < 0:
            control["names_lost"] += 1
            return
    stream = streams[held]
    seq = packet["seq"] + (1 if packet["flags"] & SYN else 0)
    offset = distance(seq & 0xFFFFFFFF, i64(stream["base"]))
    if stream["start"] < 0 and stream["inserts"] > 0:
        if kind == 0:
            release(held, streams, colds, stacks, control)  # the middle of something: not ours
            return
        stream["start"] = max(0, offset)
    if stream["inserts"] >= _MAX_INSERTS or not _insert(
        stream, data, at, offset, size, pages, stacks, control
    ):
        control["names_lost"] += 1
        give_up(held, time, streams, pages, stacks, scratch, flows, colds, arena, events, control)
        return
    _advance(held, time, streams, pages, stacks, scratch, flows, colds, arena, events, control)


@kernel
def expire(row: int, time: int, streams: Records, pages: Bytes, stacks: Records, scratch: Bytes,
           flows: Records, colds: Records, arena: Bytes, events: Records,
            control: Records) -> None:  # fmt: skip
    """Give up a connection's messages that are ten seconds old, before its next packet is looked at.

    So a row depends on the connection's own packets only; the sweep merely frees pages earlier.
    """
    for side in range(2):
        held = i64(colds[row]["stream"][side])
        if held >= 0 and time - streams[held]["born"] > _LIFE:
            give_up(held, time, streams, pages, stacks, scratch, flows, colds, arena, events, control)


@kernel
def sweep(rows: int, time: int, streams: Records, pages: Bytes, stacks: Records, scratch: Bytes,
          flows: Records, colds: Records, arena: Bytes, events: Records,
            control: Records) -> None:  # fmt: skip
    """Give up those of the next `rows` half-read messages that are ten seconds old."""
    for _ in range(rows):
        row = i64(control["stream_hand"])
        control["stream_hand"] = (row + 1) % streams.size
        if streams[row]["flow"] >= 0 and time - streams[row]["born"] > _LIFE:
            give_up(row, time, streams, pages, stacks, scratch, flows, colds, arena, events, control)
