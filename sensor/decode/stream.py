"""Assembles the first payloads of connections, in whatever order they come, to complete messages in the
arena.

Only a direction whose first payloads look like a known protocol is read, up to 16 KB of it. A message that
is whole in one segment goes straight to the arena; else its segments wait on 4 KB pages, the first copy of a
byte wins, for at most ten seconds. What does not fit is counted, never guessed.

FLOW.probed holds the state of each side: how many first payloads were examined in vain, that only
certificates of the server are still of interest (its client gave no name), or that nothing is.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.calls import asked, behind_chunk_size
from sensor.decode.first_bytes import BODY_TO_COME, MOST_BYTES, body_tells
from sensor.decode.flow import ACK, SEEN, SYN, distance, is_based
from sensor.decode.intervals import merge
from sensor.decode.jit import kernel
from sensor.decode.layout import (
    PAGE,
    PAGES_PER_STREAM,
    SECOND,
    Bytes,
    HalfRead,
    Output,
    Records,
    Table,
    i64,
)
from sensor.decode.messages import (
    BODY,
    CERTIFICATE,
    DNS_PORT,
    HELLO,
    INVALID,
    PREFACE,
    REQUEST,
    RESPONSE,
    STREAM_BYTES,
    WHOLE,
    begins,
    behind_prelude,
    copy_message,
    emit_event,
    is_connect,
    may_hide_message,
    names_server,
    response_status,
)
from sensor.decode.read import copy, u8

# FLOW.probed beyond the count of payloads looked at.
DONE = 255
CERTIFICATES_ONLY = 254
#: First payloads of a direction that may begin a message (a hello may follow CONNECT, SOCKS, STARTTLS).
_PROBES = 16

#: Bytes that tell for certain what message they begin.
_CERTAIN = 12
#: A record's header does not tell which handshake message begins behind it.
_RECORD_HEADER = 5
#: Segments of one message: more is an attack on our time.
_MAX_INSERTS = 256
_LIFE = 10 * SECOND

#: `start` of a stream that cannot be placed.
_NOWHERE = -2


@kernel
def _of_interest(kind: int, size: int, flow: Records, side: int) -> int:
    """The kind of a message, of which there are `size` bytes, if it is waited for from `side`, else 0.

    Certificates are if the hello named nobody, or nothing of the client was seen (one leg of a TAP).
    """
    if flow["probed"][side] == CERTIFICATES_ONLY:
        untold = kind == HELLO and size <= _RECORD_HEADER
        return CERTIFICATE if kind == CERTIFICATE or untold else 0
    if kind == CERTIFICATE:
        return 0 if flow["known"][1 - side] & SEEN else kind
    return kind if kind in (HELLO, REQUEST, PREFACE) else 0


@kernel
def _count_probe(flow: Records, side: int) -> None:
    """One more payload was looked at in vain."""
    probed = i64(flow["probed"][side])
    flow["probed"][side] = DONE if probed >= _PROBES else probed + 1


@kernel
def _asks_tunnel(kind: int, output: Output, control: Records) -> bool:
    """True if the message just copied to the arena's end asks a proxy for a tunnel: a hello is to come."""
    return kind == REQUEST and is_connect(output.arena, i64(control["arena"]))


@kernel
def _expect(kind: int, length: int, flow: Records, side: int, output: Output, control: Records) -> None:
    """What may still follow the `length` bytes of a message at the arena's end, sent by `side`."""
    arena, at = output.arena, i64(control["arena"])
    if _asks_tunnel(kind, output, control):
        flow["probed"][side] = 1 if flow["events"] < _PROBES else DONE
        return
    flow["probed"][side] = DONE
    if kind == REQUEST:
        flow["asked"] = asked(arena, at, at + length)
    elif kind == HELLO:
        named = names_server(arena, at, at + length)
        flow["probed"][1 - side] = DONE if named else CERTIFICATES_ONLY
    elif kind == PREFACE:
        flow["probed"][1 - side] = DONE


@kernel
def _deliver(kind: int, length: int, time: int, row: int, side: int, table: Table, output: Output,
             control: Records) -> None:  # fmt: skip
    """Deliver a message. The sender of a certificate is the server, that of any other message the client."""
    flow, cold = table.flows[row], table.colds[row]
    _expect(kind, length, flow, side, output, control)
    if flow["client"] == 0:
        flow["client"] = 2 - side if kind == CERTIFICATE else 1 + side
    flow["events"] += 1
    out = output.events[control["events"]]
    out["side"], out["protocol"], out["tunnel"] = side, flow["protocol"], cold["tunnel"]
    for i in range(2):
        out["address"][i] = flow["address"][2 * side + i]
        out["address"][2 + i] = flow["address"][2 - 2 * side + i]
    emit_event(kind, length, time, i64(cold["serial"]), i64(flow["events"]), output.events, control)


@kernel
def release(row: int, half: HalfRead, flows: Records, control: Records) -> None:
    """Free the row and the pages of a half-read message."""
    stream, stacks = half.streams[row], half.stacks
    flows[stream["flow"]]["stream"][stream["side"]] = -1
    for i in range(PAGES_PER_STREAM):
        if stream["page"][i] >= 0:
            stacks[0, control["pages"]] = stream["page"][i]
            control["pages"] += 1
    stream["flow"] = -1
    stacks[1, control["stream_rows"]] = row
    control["stream_rows"] += 1


@kernel
def open_stream(row: int, side: int, base: int, start: int, time: int, half: HalfRead, flows: Records,
                control: Records) -> int:  # fmt: skip
    """A stream row whose offset 0 is sequence number `base`; -1 if there is none left."""
    if control["stream_rows"] == 0:
        return -1
    control["stream_rows"] -= 1
    at = i64(half.stacks[1, control["stream_rows"]])
    stream = half.streams[at]
    stream["flow"], stream["side"], stream["base"], stream["start"] = row, side, base & 0xFFFFFFFF, start
    stream["born"], stream["intervals"], stream["inserts"] = time, 0, 0
    for i in range(PAGES_PER_STREAM):
        stream["page"][i] = -1
    flows[row]["stream"][side] = at
    return at


@kernel
def _page_of(stream: Records, offset: int, half: HalfRead, control: Records) -> int:
    """The page that holds `offset`, taken from the free ones on first use; -1 if there is none."""
    i = offset // PAGE
    if stream["page"][i] < 0:
        if control["pages"] == 0:
            return -1
        control["pages"] -= 1
        stream["page"][i] = half.stacks[0, control["pages"]]
    return i64(stream["page"][i])


@kernel
def _write(stream: Records, data: Bytes, at: int, first: int, last: int, half: HalfRead,
           control: Records) -> bool:  # fmt: skip
    """Copy data[at:] to offsets [first, last), page by page."""
    while first < last:
        page = _page_of(stream, first, half, control)
        if page < 0:
            return False
        size = min(last, (first // PAGE + 1) * PAGE) - first
        to = page * PAGE + first % PAGE
        copy(data, at, size, half.pages, to)
        first += size
        at += size
    return True


@kernel
def insert(stream: Records, data: Bytes, at: int, first: int, size: int, half: HalfRead,
           control: Records) -> bool:  # fmt: skip
    """Keep the bytes of a segment that are not there yet, from offset `first`; False if they do not fit."""
    stream["inserts"] += 1
    if first < 0:
        at, size, first = at - first, size + first, 0
    last = min(first + size, STREAM_BYTES)
    if first >= last:
        return True
    position = first
    for i in range(i64(stream["intervals"])):
        low, high = i64(stream["covered_from"][i]), i64(stream["covered_to"][i])
        if position < low < last and not _write(
            stream, data, at + position - first, position, low, half, control
        ):
            return False
        if high > position and low < last:
            position = min(high, last)
    if position < last and not _write(stream, data, at + position - first, position, last, half, control):
        return False
    count = merge(stream["covered_from"], stream["covered_to"], i64(stream["intervals"]), first, last)
    if count >= 0:
        stream["intervals"] = count
    return count >= 0


@kernel
def gather(stream: Records, half: HalfRead) -> int:
    """Copy what is contiguous from the message's start into `scratch`; returns its length."""
    start = i64(stream["start"])
    for i in range(i64(stream["intervals"])):
        if stream["covered_from"][i] <= start < stream["covered_to"][i]:
            end, at = i64(stream["covered_to"][i]), start
            while at < end:
                size = min(end, (at // PAGE + 1) * PAGE) - at
                page = i64(stream["page"][at // PAGE])
                copy(half.pages, page * PAGE + at % PAGE, size, half.scratch, at - start)
                at += size
            return end - start
    return 0


@kernel
def give_up(held: int, time: int, half: HalfRead, table: Table, output: Output, control: Records) -> None:
    """End a half-read message; the part that came may still hold the name."""
    stream = half.streams[held]
    row, side, flow = i64(stream["flow"]), i64(stream["side"]), table.flows[stream["flow"]]
    probed = i64(flow["probed"][side])
    if probed == 0 and (flow["port"][0] == DNS_PORT or flow["port"][1] == DNS_PORT):
        release(held, half, table.flows, control)  # DNS goes on behind what was lost
        return
    size = gather(stream, half) if stream["start"] >= 0 else 0
    kind = _of_interest(begins(half.scratch, 0, size), size, flow, side)
    flow["probed"][side] = DONE
    if kind != 0 and size >= _CERTAIN:
        to = i64(control["arena"])
        status, length = copy_message(kind, half.scratch, 0, size, output.arena, to)
        if status != INVALID and length > 0:
            _deliver(kind, length, time, row, side, table, output, control)
    release(held, half, table.flows, control)


@kernel
def _settle(held: int, time: int, half: HalfRead, table: Table, output: Output, control: Records) -> bool:
    """Deliver a half-read message if it is whole now; drop it if it never was one.

    True if it asked for a tunnel and the client went on without waiting for the proxy's answer.
    """
    stream = half.streams[held]
    if stream["start"] < 0:
        return False
    size = gather(stream, half)
    if size == 0:
        return False
    row, side, flow = i64(stream["flow"]), i64(stream["side"]), table.flows[stream["flow"]]
    found = begins(half.scratch, 0, size)
    kind = _of_interest(found, size, flow, side)
    if kind == 0:
        release(held, half, table.flows, control)
        if found == RESPONSE:
            flow["probed"][side] = DONE
        else:
            _count_probe(flow, side)
        return False
    status, length = copy_message(kind, half.scratch, 0, size, output.arena, i64(control["arena"]))
    if status == WHOLE and length < size and _asks_tunnel(kind, output, control):
        _deliver(kind, length, time, row, side, table, output, control)
        stream["start"] += length
        return True
    if status == WHOLE or size == STREAM_BYTES:
        release(held, half, table.flows, control)
        if status == INVALID:
            flow["probed"][side] = DONE
        else:
            _deliver(kind, length, time, row, side, table, output, control)
    elif status == INVALID:
        release(held, half, table.flows, control)
        flow["probed"][side] = DONE
    return False


@kernel
def _advance(held: int, time: int, half: HalfRead, table: Table, output: Output, control: Records) -> None:
    """Deliver what is whole now of a half-read message and, if it asked for a tunnel, what is behind it."""
    if _settle(held, time, half, table, output, control):
        _settle(held, time, half, table, output, control)


@kernel
def _place(packet: Records, seq: int, kind: int, flow: Records) -> tuple[int, int]:
    """Where a new stream begins for this segment: sequence number of offset 0, and the message's start."""
    side = i64(packet["side"])
    if kind != 0:
        return seq, 0
    if not is_based(flow, side) and packet["flags"] & ACK:
        return seq - PAGE, -1  # joined in the middle: the message may have begun up to a page earlier
    ahead = distance(seq, i64(flow["next"][side]))
    if is_based(flow, side) and 0 < ahead < STREAM_BYTES:
        return i64(flow["next"][side]), 0  # what lies between is still on its way
    return 0, _NOWHERE


@kernel
def wants(data: Bytes, packet: Records, flow: Records) -> bool:
    """True if a TCP payload is worth `probe`; else it is counted as looked at.

    Most payloads are the middle of something: this says so without a look at the stream tables.
    """
    side = i64(packet["side"])
    if flow["stream"][side] >= 0 or flow["probed"][side] == BODY_TO_COME:
        return True
    first = u8(data, i64(packet["payload"]), i64(packet["end"]))
    if first == 22 or 67 <= first <= 85 or may_hide_message(first):
        return True
    if not is_based(flow, side):
        if packet["flags"] & ACK:
            return True
    elif distance(packet["seq"], i64(flow["next"][side])) > 0:
        return True
    _count_probe(flow, side)
    return False


@kernel
def _note_response(status: int, flow: Records, side: int) -> None:
    if flow["status"] == 0:
        flow["status"] = status
    flow["probed"][side] = DONE


@kernel
def _answers_request(flow: Records, side: int) -> bool:
    """True if a response from `side` is the first to the latest message, which is no CONNECT or hello."""
    is_first = flow["status"] == 0 and flow["events"] > 0
    return is_first and flow["probed"][1 - side] == DONE and flow["probed"][side] < CERTIFICATES_ONLY


@kernel
def _take_body(data: Bytes, at: int, packet: Records, row: int, table: Table, output: Output,
               control: Records) -> None:  # fmt: skip
    """Hand on the first bytes of an answer's body, which begins at `at`; if it does not yet, wait for it."""
    side, end = i64(packet["side"]), i64(packet["end"])
    table.flows[row]["probed"][side] = BODY_TO_COME if at == end else DONE
    at = behind_chunk_size(data, at, end)
    if at < end and body_tells(data, at, end):
        size = min(end - at, MOST_BYTES)
        copy(data, at, size, output.arena, i64(control["arena"]))
        _deliver(BODY, size, i64(packet["time"]), row, side, table, output, control)


@kernel
def _beginning(data: Bytes, packet: Records, flow: Records) -> tuple[int, int]:
    """What message a payload begins with, and where: behind a prelude for a proxy if there is one."""
    side, at, end = i64(packet["side"]), i64(packet["payload"]), i64(packet["end"])
    found = begins(data, at, end)
    ahead = distance(packet["seq"], i64(flow["next"][side])) if is_based(flow, side) else 0
    if ahead > 0 and end - at < _CERTAIN:
        return 0, at  # the crumb of something: what lies before it tells
    if found != 0 or ahead != 0 or flow["stream"][side] >= 0:
        return found, at
    behind = behind_prelude(data, at, end)
    found = begins(data, behind, end)
    return found, behind if found != 0 else at


@kernel
def _open_for(kind: int, seq: int, packet: Records, row: int, half: HalfRead, table: Table,
              control: Records) -> int:  # fmt: skip
    """A stream for a payload that is not a whole message, or -1 if there is nothing to wait for."""
    flow, side = table.flows[row], i64(packet["side"])
    only_certificates = flow["probed"][side] == CERTIFICATES_ONLY
    if not only_certificates:
        _count_probe(flow, side)
        if flow["probed"][side] == DONE:
            return -1
    base, start = _place(packet, seq, kind, flow)
    if start == _NOWHERE:
        if only_certificates:
            flow["probed"][side] = DONE
        return -1
    held = open_stream(row, side, base, start, i64(packet["time"]), half, table.flows, control)
    if held < 0:
        control["names_lost"] += 1
    return held


@kernel
def _probe_at(data: Bytes, packet: Records, found: int, at: int, row: int, half: HalfRead, table: Table,
              output: Output, control: Records) -> int:  # fmt: skip
    """Look at the message `found` at `at`; where the payload goes on behind a request for a tunnel, or -1."""
    flow, side = table.flows[row], i64(packet["side"])
    end, time, held = i64(packet["end"]), i64(packet["time"]), i64(flow["stream"][side])
    seq = packet["seq"] + (1 if packet["flags"] & SYN else 0) + at - packet["payload"]
    if found == RESPONSE and (held < 0 or half.streams[held]["start"] < 0):
        answers = _answers_request(flow, side)
        _note_response(response_status(data, at, end), flow, side)
        if answers:
            status, length = copy_message(RESPONSE, data, at, end, output.arena, i64(control["arena"]))
            _deliver(RESPONSE, length, time, row, side, table, output, control)
            if status == WHOLE:
                _take_body(data, at + length, packet, row, table, output, control)
        if held >= 0:
            release(held, half, table.flows, control)
        return -1
    kind = _of_interest(found, end - at, flow, side)
    if held < 0 and kind != 0:
        status, length = copy_message(kind, data, at, end, output.arena, i64(control["arena"]))
        if status == WHOLE:
            goes_on = at + length if _asks_tunnel(kind, output, control) else -1
            _deliver(kind, length, time, row, side, table, output, control)
            return goes_on
        kind = 0 if status == INVALID else kind
    if held < 0:
        held = _open_for(kind, seq, packet, row, half, table, control)
        if held < 0:
            return -1
    stream = half.streams[held]
    offset = distance(seq & 0xFFFFFFFF, i64(stream["base"]))
    if stream["start"] < 0 and stream["inserts"] > 0:
        if kind == 0:
            release(held, half, table.flows, control)  # the middle of something: not ours
            return -1
        stream["start"] = max(0, offset)
    if stream["inserts"] >= _MAX_INSERTS or not insert(stream, data, at, offset, end - at, half, control):
        control["names_lost"] += 1
        give_up(held, time, half, table, output, control)
        return -1
    _advance(held, time, half, table, output, control)
    return -1


@kernel
def probe(data: Bytes, packet: Records, row: int, half: HalfRead, table: Table, output: Output,
          control: Records) -> None:  # fmt: skip
    """Look at a TCP payload, before it is accounted, for (part of) a message that names the connection."""
    flow, side = table.flows[row], i64(packet["side"])
    if flow["probed"][side] == BODY_TO_COME:
        if distance(packet["seq"], i64(flow["next"][side])) >= 0:  # else the head again
            _take_body(data, i64(packet["payload"]), packet, row, table, output, control)
        return
    found, at = _beginning(data, packet, flow)
    goes_on = _probe_at(data, packet, found, at, row, half, table, output, control)
    if 0 <= goes_on < packet["end"]:
        found = begins(data, goes_on, i64(packet["end"]))
        if found in (HELLO, REQUEST, PREFACE):
            _probe_at(data, packet, found, goes_on, row, half, table, output, control)


@kernel
def expire(row: int, time: int, half: HalfRead, table: Table, output: Output, control: Records) -> None:
    """Give up a connection's messages that are ten seconds old, before its next packet is looked at.

    So a row depends on the connection's own packets only; the sweep merely frees pages earlier.
    """
    for side in range(2):
        held = i64(table.flows[row]["stream"][side])
        if held >= 0 and time - half.streams[held]["born"] > _LIFE:
            give_up(held, time, half, table, output, control)


@kernel
def sweep(rows: int, time: int, half: HalfRead, table: Table, output: Output, control: Records) -> None:
    """Give up those of the next `rows` half-read messages that are ten seconds old."""
    for _ in range(rows):
        row = i64(control["stream_hand"])
        control["stream_hand"] = (row + 1) % half.streams.size
        if half.streams[row]["flow"] >= 0 and time - half.streams[row]["born"] > _LIFE:
            give_up(row, time, half, table, output, control)
