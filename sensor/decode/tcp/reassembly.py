"""Reassembles the first message of each direction of a TCP connection, in any order of segments, into the
arena.

Only directions whose first payloads look like a known protocol are read, up to 16 KB. A message that is
complete in one segment is copied to the arena directly. Otherwise its segments are stored in 4 KB pages for
at most ten seconds; the first copy of a byte wins. What does not fit is counted, never guessed.

FLOW.probed is the state of each side: the number of payloads examined without result, CERTIFICATES_ONLY (only
certificates of the server are still wanted, because the client sent no name), BODY_TO_COME, or DONE.

Reference: sequence numbers, RFC 9293 §3.4.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.flows.table import ACK, SEEN, SYN, distance, is_based
from sensor.decode.http.later_messages import after_chunk_size, request_hash
from sensor.decode.kernels.intervals import merge
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import copy, u8
from sensor.decode.layout import PAGE, PAGES_PER_STREAM, SECOND, Bytes, Output, Partial, Records, Table, i64
from sensor.decode.tcp.first_bytes import BODY_TO_COME, MOST_BODY_BYTES, is_body_of_interest
from sensor.decode.tcp.messages import (
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
    after_prelude,
    copy_message,
    emit_event,
    is_connect,
    may_be_prelude,
    message_kind,
    names_server,
    response_status,
)
from sensor.decode.tls import record_layer

# Values of FLOW.probed beyond the number of payloads examined.
DONE = 255
CERTIFICATES_ONLY = 254
#: Payloads examined per direction (a ClientHello may follow CONNECT, SOCKS, STARTTLS).
_PROBES = 16

#: Bytes that identify a message with certainty.
_CERTAIN = 12
#: Maximum segments of one message. More is a denial-of-service attack.
_MAX_INSERTS = 256
_TIMEOUT = 10 * SECOND

#: `start` of a stream whose position is not known.
_UNPLACEABLE = -2


@kernel
def _wanted_kind(kind: int, size: int, flow: Records, side: int) -> int:
    """The kind of a message (its first `size` bytes) if it is wanted from `side`, else 0.

    Certificates are wanted if the ClientHello had no name, or the client was never seen (one leg of a TAP).
    """
    if flow["probed"][side] == CERTIFICATES_ONLY:
        # Of a record header alone, the type of the handshake message is not known yet.
        unknown = kind == HELLO and size <= record_layer.HEADER_BYTES
        return CERTIFICATE if kind == CERTIFICATE or unknown else 0
    if kind == CERTIFICATE:
        return 0 if flow["known"][1 - side] & SEEN else kind
    return kind if kind in (HELLO, REQUEST, PREFACE) else 0


@kernel
def _count_probe(flow: Records, side: int) -> None:
    """Count a payload examined without result."""
    probed = i64(flow["probed"][side])
    flow["probed"][side] = DONE if probed >= _PROBES else probed + 1


@kernel
def _is_connect_request(kind: int, output: Output, control: Records) -> bool:
    """True if the message just copied to the arena is a CONNECT request, which a ClientHello follows."""
    return kind == REQUEST and is_connect(output.arena, i64(control["arena"]))


@kernel
def _expect(kind: int, length: int, flow: Records, side: int, output: Output, control: Records) -> None:
    """Set what is wanted next, after `side` sent the message of `length` bytes at the end of the arena."""
    arena, at = output.arena, i64(control["arena"])
    if kind == REQUEST:
        flow["asked"] = request_hash(arena, at, at + length)
    if _is_connect_request(kind, output, control):
        flow["probed"][side] = 1 if flow["events"] < _PROBES else DONE
        flow["status"], flow["probed"][1 - side] = 0, 0  # a proxy refused an earlier one without credentials
        return
    flow["probed"][side] = DONE
    if kind == HELLO:
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
def release(row: int, partial: Partial, flows: Records, control: Records) -> None:
    """Free the row and the pages of an incomplete message."""
    stream, stacks = partial.streams[row], partial.stacks
    flows[stream["flow"]]["stream"][stream["side"]] = -1
    for i in range(PAGES_PER_STREAM):
        if stream["page"][i] >= 0:
            stacks[0, control["pages"]] = stream["page"][i]
            control["pages"] += 1
    stream["flow"] = -1
    stacks[1, control["stream_rows"]] = row
    control["stream_rows"] += 1


@kernel
def _page_of(stream: Records, offset: int, partial: Partial, control: Records) -> int:
    """The page of `offset`, allocated on first use; -1 if none is free."""
    i = offset // PAGE
    if stream["page"][i] < 0:
        if control["pages"] == 0:
            return -1
        control["pages"] -= 1
        stream["page"][i] = partial.stacks[0, control["pages"]]
    return i64(stream["page"][i])


@kernel
def _write(stream: Records, data: Bytes, at: int, first: int, last: int, partial: Partial,
           control: Records) -> bool:  # fmt: skip
    """Copy data[at:] to offsets [first, last), page by page."""
    while first < last:
        page = _page_of(stream, first, partial, control)
        if page < 0:
            return False
        size = min(last, (first // PAGE + 1) * PAGE) - first
        to = page * PAGE + first % PAGE
        copy(data, at, size, partial.pages, to)
        first += size
        at += size
    return True


@kernel
def insert(stream: Records, data: Bytes, at: int, first: int, size: int, partial: Partial,
           control: Records) -> bool:  # fmt: skip
    """Store the new bytes of a segment, from offset `first`; False if they do not fit."""
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
            stream, data, at + position - first, position, low, partial, control
        ):
            return False
        if high > position and low < last:
            position = min(high, last)
    if position < last and not _write(stream, data, at + position - first, position, last, partial, control):
        return False
    count = merge(stream["covered_from"], stream["covered_to"], i64(stream["intervals"]), first, last)
    if count >= 0:
        stream["intervals"] = count
    return count >= 0


@kernel
def gather(stream: Records, partial: Partial) -> int:
    """Copy the contiguous bytes from the start of the message into `scratch`; returns their number."""
    start = i64(stream["start"])
    for i in range(i64(stream["intervals"])):
        if stream["covered_from"][i] <= start < stream["covered_to"][i]:
            end, at = i64(stream["covered_to"][i]), start
            while at < end:
                size = min(end, (at // PAGE + 1) * PAGE) - at
                page = i64(stream["page"][at // PAGE])
                copy(partial.pages, page * PAGE + at % PAGE, size, partial.scratch, at - start)
                at += size
            return end - start
    return 0


@kernel
def abandon(
    stream_row: int, time: int, partial: Partial, table: Table, output: Output, control: Records
) -> None:
    """Give up an incomplete message, but deliver its part, which may contain the name."""
    stream = partial.streams[stream_row]
    row, side, flow = i64(stream["flow"]), i64(stream["side"]), table.flows[stream["flow"]]
    probed = i64(flow["probed"][side])
    if probed == 0 and (flow["port"][0] == DNS_PORT or flow["port"][1] == DNS_PORT):
        release(stream_row, partial, table.flows, control)  # DNS continues after the loss
        return
    size = gather(stream, partial) if stream["start"] >= 0 else 0
    kind = _wanted_kind(message_kind(partial.scratch, 0, size), size, flow, side)
    flow["probed"][side] = DONE
    if kind != 0 and size >= _CERTAIN:
        to = i64(control["arena"])
        status, length = copy_message(kind, partial.scratch, 0, size, output.arena, to)
        if status != INVALID and length > 0:
            _deliver(kind, length, time, row, side, table, output, control)
    release(stream_row, partial, table.flows, control)


@kernel
def open_stream(row: int, side: int, base: int, start: int, time: int, partial: Partial, table: Table,
                output: Output, control: Records) -> int:  # fmt: skip
    """Open a stream row whose offset 0 is sequence number `base`; without room, an earlier message is given
    up.

    Most are complete within milliseconds. Those that wait longer may be sent to fill the table.
    """
    while control["stream_rows"] == 0 or control["pages"] == 0:
        other = i64(control["stream_hand"])
        control["stream_hand"] = (other + 1) % partial.streams.size
        if partial.streams[other]["flow"] >= 0:
            control["names_lost"] += 1
            abandon(other, time, partial, table, output, control)
    control["stream_rows"] -= 1
    at = i64(partial.stacks[1, control["stream_rows"]])
    stream = partial.streams[at]
    stream["flow"], stream["side"], stream["base"], stream["start"] = row, side, base & 0xFFFFFFFF, start
    stream["opened"], stream["intervals"], stream["inserts"] = time, 0, 0
    for i in range(PAGES_PER_STREAM):
        stream["page"][i] = -1
    table.flows[row]["stream"][side] = at
    return at


@kernel
def _deliver_whole(
    stream_row: int, time: int, partial: Partial, table: Table, output: Output, control: Records
) -> bool:
    """Deliver a message if it is complete; drop it if it turns out to be of no interest.

    True if another one may follow: it was a CONNECT request and the client continued without waiting for the
    answer of the proxy, or a prelude that another segment of the connection arrived before.
    """
    stream = partial.streams[stream_row]
    size = gather(stream, partial) if stream["start"] >= 0 else 0
    if size == 0:
        return False
    row, side, flow = i64(stream["flow"]), i64(stream["side"]), table.flows[stream["flow"]]
    found = message_kind(partial.scratch, 0, size)
    kind = _wanted_kind(found, size, flow, side)
    after = after_prelude(partial.scratch, 0, size) if found == 0 else 0
    if after > 0:
        stream["start"] += after
        return True
    if kind == 0:
        release(stream_row, partial, table.flows, control)
        if found == RESPONSE:
            flow["probed"][side] = DONE
        else:
            _count_probe(flow, side)
        return False
    status, length = copy_message(kind, partial.scratch, 0, size, output.arena, i64(control["arena"]))
    if status == WHOLE and length < size and _is_connect_request(kind, output, control):
        _deliver(kind, length, time, row, side, table, output, control)
        stream["start"] += length
        return True
    if status in (INVALID, WHOLE) or size == STREAM_BYTES:
        release(stream_row, partial, table.flows, control)
        if status == INVALID:
            flow["probed"][side] = DONE
        else:
            _deliver(kind, length, time, row, side, table, output, control)
    return False


@kernel
def _advance(
    stream_row: int, time: int, partial: Partial, table: Table, output: Output, control: Records
) -> None:
    """Deliver a complete message and, after a CONNECT request or a prelude, the message after it."""
    if _deliver_whole(stream_row, time, partial, table, output, control):
        _deliver_whole(stream_row, time, partial, table, output, control)


@kernel
def _stream_base(packet: Records, seq: int, kind: int, flow: Records) -> tuple[int, int]:
    """The position of a new stream for this segment: sequence number of offset 0, and start of the
    message."""
    side = i64(packet["side"])
    if kind != 0:
        return seq, 0
    if not is_based(flow, side) and packet["flags"] & ACK:
        return seq - PAGE, -1  # mid-stream: the message may have begun up to a page earlier
    ahead = distance(seq, i64(flow["next"][side]))
    if is_based(flow, side) and 0 < ahead < STREAM_BYTES:
        return i64(flow["next"][side]), 0  # the bytes in between are still to come
    return 0, _UNPLACEABLE


@kernel
def is_candidate(data: Bytes, packet: Records, flow: Records) -> bool:
    """True if a TCP payload needs `probe`; else it is counted as examined.

    Most payloads are in the middle of a message, which this detects without access to the stream tables.
    """
    side = i64(packet["side"])
    if flow["stream"][side] >= 0 or flow["probed"][side] == BODY_TO_COME:
        return True
    first = u8(data, i64(packet["payload"]), i64(packet["end"]))
    if first == record_layer.HANDSHAKE or 67 <= first <= 85 or may_be_prelude(first):
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
    """True if a response from `side` is the first one to the latest message, unless that was CONNECT or a
    hello."""
    is_first = flow["status"] == 0 and flow["events"] > 0
    return is_first and flow["probed"][1 - side] == DONE and flow["probed"][side] < CERTIFICATES_ONLY


@kernel
def _take_body(data: Bytes, at: int, packet: Records, row: int, table: Table, output: Output,
               control: Records) -> None:  # fmt: skip
    """Deliver the first bytes of the body of a response, which begins at `at`; wait if it is in the next
    segment."""
    side, end = i64(packet["side"]), i64(packet["end"])
    table.flows[row]["probed"][side] = BODY_TO_COME if at == end else DONE
    at = after_chunk_size(data, at, end)
    if at < end and is_body_of_interest(data, at, end):
        size = min(end - at, MOST_BODY_BYTES)
        copy(data, at, size, output.arena, i64(control["arena"]))
        _deliver(BODY, size, i64(packet["time"]), row, side, table, output, control)


@kernel
def _find_message(data: Bytes, packet: Records, flow: Records) -> tuple[int, int]:
    """The kind and offset of the message in a payload, after a proxy prelude if there is one."""
    side, at, end = i64(packet["side"]), i64(packet["payload"]), i64(packet["end"])
    found = message_kind(data, at, end)
    ahead = distance(packet["seq"], i64(flow["next"][side])) if is_based(flow, side) else 0
    if ahead > 0 and end - at < _CERTAIN:
        return 0, at  # too short to identify; the bytes before it decide
    if found != 0 or ahead != 0 or flow["stream"][side] >= 0:
        return found, at
    after = after_prelude(data, at, end)
    found = message_kind(data, after, end)
    return found, after if found != 0 else at


@kernel
def _open_for(kind: int, seq: int, packet: Records, row: int, partial: Partial, table: Table, output: Output,
              control: Records) -> int:  # fmt: skip
    """Open a stream for a payload that is no complete message; -1 if nothing is expected."""
    flow, side = table.flows[row], i64(packet["side"])
    only_certificates = flow["probed"][side] == CERTIFICATES_ONLY
    if not only_certificates:
        _count_probe(flow, side)
        if flow["probed"][side] == DONE:
            return -1
    base, start = _stream_base(packet, seq, kind, flow)
    if start == _UNPLACEABLE:
        if only_certificates:
            flow["probed"][side] = DONE
        return -1
    return open_stream(row, side, base, start, i64(packet["time"]), partial, table, output, control)


@kernel
def _probe_at(data: Bytes, packet: Records, found: int, at: int, row: int, partial: Partial,
              table: Table, output: Output, control: Records) -> int:  # fmt: skip
    """Process the message `found` at `at`; returns the offset after a CONNECT request or an interim response,
    which another message may follow, or -1."""
    flow, side = table.flows[row], i64(packet["side"])
    end, time, stream_row = i64(packet["end"]), i64(packet["time"]), i64(flow["stream"][side])
    seq = packet["seq"] + (1 if packet["flags"] & SYN else 0) + at - packet["payload"]
    if found == RESPONSE and (stream_row < 0 or partial.streams[stream_row]["start"] < 0):
        answers, code = _answers_request(flow, side), response_status(data, at, end)
        status, length = copy_message(RESPONSE, data, at, end, output.arena, i64(control["arena"]))
        if 100 <= code < 200 and code != 101:  # interim (RFC 9110 §15.2): another one follows
            _count_probe(flow, side)
            return at + length if status == WHOLE else -1
        _note_response(code, flow, side)
        if answers:
            _deliver(RESPONSE, length, time, row, side, table, output, control)
            if status == WHOLE:
                _take_body(data, at + length, packet, row, table, output, control)
        if stream_row >= 0:
            release(stream_row, partial, table.flows, control)
        return -1
    kind = _wanted_kind(found, end - at, flow, side)
    if stream_row < 0 and kind != 0:
        status, length = copy_message(kind, data, at, end, output.arena, i64(control["arena"]))
        if status == WHOLE:
            after_connect = at + length if _is_connect_request(kind, output, control) else -1
            _deliver(kind, length, time, row, side, table, output, control)
            return after_connect
        kind = 0 if status == INVALID else kind
    if stream_row < 0:
        stream_row = _open_for(kind, seq, packet, row, partial, table, output, control)
        if stream_row < 0:
            return -1
    stream = partial.streams[stream_row]
    offset = distance(seq & 0xFFFFFFFF, i64(stream["base"]))
    if stream["start"] < 0 and stream["inserts"] > 0:
        if kind == 0:
            release(stream_row, partial, table.flows, control)  # the middle of another message
            return -1
        stream["start"] = max(0, offset)
    if stream["inserts"] >= _MAX_INSERTS or not insert(stream, data, at, offset, end - at, partial, control):
        control["names_lost"] += 1
        abandon(stream_row, time, partial, table, output, control)
        return -1
    _advance(stream_row, time, partial, table, output, control)
    return -1


@kernel
def probe(data: Bytes, packet: Records, row: int, partial: Partial, table: Table, output: Output,
          control: Records) -> None:  # fmt: skip
    """Search a TCP payload, before it is accounted, for (part of) a message that names the connection."""
    flow, side = table.flows[row], i64(packet["side"])
    if flow["probed"][side] == BODY_TO_COME:
        if distance(packet["seq"], i64(flow["next"][side])) >= 0:  # else a retransmission of the head
            _take_body(data, i64(packet["payload"]), packet, row, table, output, control)
        return
    found, at = _find_message(data, packet, flow)
    after = _probe_at(data, packet, found, at, row, partial, table, output, control)
    if 0 <= after < packet["end"]:
        found = message_kind(data, after, i64(packet["end"]))
        if found in (HELLO, REQUEST, PREFACE, RESPONSE):
            _probe_at(data, packet, found, after, row, partial, table, output, control)


@kernel
def expire(row: int, time: int, partial: Partial, table: Table, output: Output, control: Records) -> None:
    """Abandon messages of a connection that are ten seconds old; called before its next packet is processed.

    So a row depends on packets of its own connection only; the sweep merely frees pages earlier.
    """
    for side in range(2):
        stream_row = i64(table.flows[row]["stream"][side])
        if stream_row >= 0 and time - partial.streams[stream_row]["opened"] > _TIMEOUT:
            abandon(stream_row, time, partial, table, output, control)


@kernel
def sweep(rows: int, time: int, partial: Partial, table: Table, output: Output, control: Records) -> None:
    """Abandon messages that are ten seconds old, among the next `rows` of the table."""
    for _ in range(rows):
        row = i64(control["stream_hand"])
        control["stream_hand"] = (row + 1) % partial.streams.size
        if partial.streams[row]["flow"] >= 0 and time - partial.streams[row]["opened"] > _TIMEOUT:
            abandon(row, time, partial, table, output, control)
