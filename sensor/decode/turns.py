"""Follows turns: an upload over TLS or QUIC, and its answer, counted in units; Python judges them (`shape/`).

Over TLS a unit is an application-data record: each record's 5-byte header (RFC 8446 §5.1) is read where it
lies, `next` being the sequence number of the one to come; a segment that was missed is made up for when it
comes late, else the walk goes on at the next segment that begins with a header. Over QUIC it is a datagram
with a short header (RFC 9000 §17.3). Never a segment: how TCP cuts the stream says nothing of who wrote it.

A turn's row is taken from a pool when an upload begins it, and given back when it is over; where there is
none left, the turn is counted as not judged. A row too old is taken back only when one is needed.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.flow import CLOSED as CONNECTION_CLOSED
from sensor.decode.flow import client_by_port, distance, is_based, is_missing
from sensor.decode.jit import kernel, step
from sensor.decode.layout import BINS, SECOND, TCP, UNITS, Bytes, Output, Records, Table, i64
from sensor.decode.read import be16, u8

#: Units this close together (microseconds) were let go together: they make a chunk.
CHUNK_US = 2000
#: Units below this many bytes are control messages, not text.
SMALL_BYTES = 60
#: Width of a bin in TURN.gaps, in microseconds.
GAP_STEP = 128

# Why a turn ended: TURN.end.
NEXT_UPLOAD = 1
SILENCE = 2
CLOSED = 3
TOO_FAST = 4
ENDLESS = 5
UNFINISHED = 6
"""The capture or the room for the connection ended before the answer did."""

#: What an answer of less than these cannot be judged by.
MIN_CHUNKS = 6
MIN_US = 800_000

#: An upload of this many bytes begins a turn after silence …
LEAST_UPLOAD = 150
_QUIET = 300_000
#: … and one of this many at any time.
_ANY_UPLOAD = 600
#: A turn is over when the server was silent for so long; its first unit may take longer.
IDLE = 10 * SECOND
_WAIT = 120 * SECOND
#: No answer takes so long, nor comes so fast once so much of it came.
LONGEST = 600 * SECOND
FAST_BYTES = 1 << 18
_FAST_BYTES_PER_S = 150_000
#: Nor does one begin with records as large as downloads have: most need not be followed further.
_LARGE_UNITS = 3
_LARGE_BYTES = _LARGE_UNITS * 8192

_HEADER = 5
_APPLICATION_DATA = 23
#: A record's longest, expansion by encryption included (RFC 8446 §5.2, RFC 5246 §6.2.3).
_LONGEST_RECORD = (1 << 14) + 2048
_MOST_TURNS = 0xFFFF
_CANDIDATES = 64


@kernel
def bin_of(value: int) -> int:
    """The histogram bin of a value: four an octave."""
    if value < 8:
        return value
    octave, rest = 0, value
    while rest >= 8:
        rest >>= 1
        octave += 1
    return min(BINS - 1, 4 * (octave + 1) + (rest & 3))


@step
def concerns(packet: Records, flow: Records) -> bool:
    """True if a payload may belong to a turn, or begin one."""
    return flow["turn"] >= 0 or (packet["payload_bytes"] >= LEAST_UPLOAD and _is_upload(packet, flow))


@kernel
def _is_upload(packet: Records, flow: Records) -> bool:
    client = i64(flow["client"])
    if client == 0 and packet["protocol"] != TCP:
        client = client_by_port(flow)
    return client == packet["side"] + 1


@kernel
def _is_too_old(turn: Records, now: int) -> bool:
    if turn["units"] > 0:
        return now - turn["last"] > IDLE
    return now - turn["start"] > _WAIT


@kernel
def finish(row: int, why: int, table: Table, output: Output, control: Records) -> None:
    """End the turn of a connection and free its row; a turn that is long enough goes to the output."""
    flow = table.flows[row]
    at = i64(flow["turn"])
    turn = table.turns[at]
    long_enough = turn["chunks"] >= MIN_CHUNKS and turn["last"] - turn["first"] >= MIN_US
    if long_enough and flow["turns"] < _MOST_TURNS:
        flow["turns"] += 1
        turn["ordinal"], turn["end"] = flow["turns"], why
        sent = i64(flow["next"][1 - i64(turn["side"])])
        if turn["framed"] > 0 and distance(sent, i64(turn["next"])) > 0:
            turn["next"] = sent  # what came behind the last header that was found is missing too
        output.turns[control["turns"]] = turn
        control["turns"] += 1
    turn["serial"], flow["turn"] = 0, -1
    table.spare[control["spare"]] = at
    control["spare"] += 1


@kernel
def expire(row: int, now: int, table: Table, output: Output, control: Records) -> None:
    """End a connection's turn, if there is one, that is too old: asked before its slice ends, and before its
    next payload. So a row depends on the connection's own packets only."""
    at = i64(table.flows[row]["turn"])
    if at >= 0 and _is_too_old(table.turns[at], now):
        finish(row, SILENCE, table, output, control)


@kernel
def end(row: int, now: int, table: Table, output: Output, control: Records) -> None:
    """End the turn of a connection that ends, if there is one."""
    at = i64(table.flows[row]["turn"])
    if at >= 0:
        why = CLOSED if table.flows[row]["state"] == CONNECTION_CLOSED else UNFINISHED
        if _is_too_old(table.turns[at], now):
            why = SILENCE
        finish(row, why, table, output, control)


@kernel
def _reclaim(now: int, table: Table, output: Output, control: Records) -> None:
    """Look among the next few rows for turns too old, until one is free."""
    for _ in range(_CANDIDATES):
        at = i64(control["turn_hand"])
        control["turn_hand"] = (at + 1) % table.turns.size
        turn = table.turns[at]
        if turn["serial"] != 0 and _is_too_old(turn, now):
            finish(i64(turn["row"]), SILENCE, table, output, control)
            return


@kernel
def _is_header(kind: int, version: int, length: int) -> bool:
    """True for what may head a record: change cipher spec, alert, handshake, application data."""
    return 20 <= kind <= _APPLICATION_DATA and version >> 8 == 3 and 0 < length <= _LONGEST_RECORD


@kernel
def _heads(data: Bytes, at: int, end: int) -> bool:
    """True if a record's header lies at `at`."""
    return _is_header(u8(data, at, end), be16(data, at + 1, end), be16(data, at + 3, end))


@kernel
def _begins_turn(data: Bytes, packet: Records, flow: Records) -> bool:
    """True if an upload is application data: a record that was not seen before, or a QUIC packet."""
    at, end, side = i64(packet["payload"]), i64(packet["end"]), i64(packet["side"])
    if packet["protocol"] != TCP:
        return (flow["probed"][0] > 0 or flow["probed"][1] > 0) and u8(data, at, end) & 0xC0 == 0x40
    if u8(data, at, end) != _APPLICATION_DATA or not _heads(data, at, end):
        return False
    if not is_based(flow, side) or distance(packet["seq"], i64(flow["next"][side])) >= 0:
        return True
    return flow["gaps"][side] >= 0


@kernel
def _begin(packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """A row for a new turn, if there is one."""
    flow, now = table.flows[row], i64(packet["time"])
    if control["spare"] == 0:
        _reclaim(now, table, output, control)
    if control["spare"] == 0:
        control["turns_missed"] += 1
        return
    control["spare"] -= 1
    at, server = i64(table.spare[control["spare"]]), 1 - i64(packet["side"])
    flow["turn"] = at
    turn = table.turns[at]
    turn["serial"], turn["row"] = table.colds[row]["serial"], row
    turn["side"], turn["start"] = packet["side"], now
    turn["units"], turn["chunks"], turn["bytes"], turn["framed"] = 0, 0, 0, 0
    turn["during"], turn["small"], turn["first"], turn["last"] = 0, 0, now, now
    turn["next"], turn["in_step"] = flow["next"][server], 1 if is_based(flow, server) else 0
    turn["begin"], turn["head"], turn["held"] = turn["next"], 0, 0


@kernel
def _upload(data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """A payload of the client: it begins a turn, or belongs to the one that is."""
    flow, now, size = table.flows[row], i64(packet["time"]), packet["payload_bytes"]
    if flow["turn"] >= 0:
        turn = table.turns[flow["turn"]]
        if turn["units"] == 0:
            turn["start"] = now
            return
        asks = size >= _ANY_UPLOAD or (size >= LEAST_UPLOAD and now - turn["last"] >= _QUIET)
        if not asks or not _begins_turn(data, packet, flow):
            turn["during"] += size
            return
        finish(row, NEXT_UPLOAD, table, output, control)
        _begin(packet, row, table, output, control)
    elif size >= LEAST_UPLOAD and _begins_turn(data, packet, flow):
        _begin(packet, row, table, output, control)


@kernel
def _count(turn: Records, size: int, now: int) -> None:
    """One more unit."""
    units = i64(turn["units"])
    gap = now - i64(turn["last"]) if units > 0 else 0
    apart = gap > CHUNK_US
    if units == 0:
        turn["first"] = now
    if units == 0 or apart:
        turn["chunks"] += 1
    if units < UNITS:
        turn["unit"][units] = gap << 16 | size
    else:
        if units == UNITS:
            for i in range(BINS):
                turn["sizes"][i], turn["gaps"][i] = 0, 0
        turn["sizes"][bin_of(size)] += 1
        if apart:
            turn["gaps"][bin_of(gap // GAP_STEP)] += 1
    turn["units"], turn["last"] = units + 1, now
    turn["bytes"] += size
    turn["small"] += 1 if size < SMALL_BYTES else 0


@kernel
def _frame(kind: int, length: int, seq: int, now: int, turn: Records) -> None:
    """A record whose header, at sequence number `seq`, was seen."""
    if turn["framed"] == 0 or distance(i64(turn["begin"]), seq) > 0:
        turn["begin"] = seq & 0xFFFFFFFF
    turn["framed"] += _HEADER + length
    if kind == _APPLICATION_DATA:
        _count(turn, length, now)


@kernel
def _walk(data: Bytes, at: int, seq: int, ahead: bool, packet: Records, turn: Records) -> None:
    """Count the records whose headers lie in data[at:], the first at sequence number `seq`; `ahead` if `next`
    goes along."""
    end, now = i64(packet["end"]), i64(packet["time"])
    while at + _HEADER <= end:
        kind, length = u8(data, at, end), be16(data, at + 3, end)
        if not _is_header(kind, be16(data, at + 1, end), length):
            if ahead:
                turn["next"], turn["in_step"], turn["held"] = seq & 0xFFFFFFFF, 0, 0
            return
        _frame(kind, length, seq, now, turn)
        at += _HEADER + length
        seq += _HEADER + length
    if ahead:
        turn["next"], turn["in_step"], turn["held"] = seq & 0xFFFFFFFF, 1, 0
        if at < end and end - packet["payload"] == packet["payload_bytes"]:
            turn["held"], turn["head"] = end - at, _head(data, at, end, 0)


@kernel
def _head(data: Bytes, at: int, end: int, head: int) -> int:
    """`head` with the bytes of data[at:end] behind it."""
    for k in range(at, end):
        head = head << 8 | u8(data, k, end)
    return head


@kernel
def _walk_on(data: Bytes, packet: Records, turn: Records) -> None:
    """Go on with a segment that begins within a record's header."""
    at, held = i64(packet["payload"]), i64(turn["held"])
    split, seq = at + _HEADER - held, i64(turn["next"])
    if split > packet["end"]:
        turn["in_step"] = 0
        return
    head = _head(data, at, split, i64(turn["head"]))
    kind, length = head >> 32, head & 0xFFFF
    if not _is_header(kind, head >> 16 & 0xFFFF, length):
        turn["in_step"], turn["held"] = 0, 0
        return
    _frame(kind, length, seq, i64(packet["time"]), turn)
    _walk(data, split + length, seq + _HEADER + length, True, packet, turn)


@kernel
def _find(data: Bytes, at: int, end: int) -> int:
    """Where the first header of application data lies in data[at:end], or -1.

    Found in bytes that are none once in 40,000 full segments (24 bits, and a length that can be).
    """
    for k in range(at, end - _HEADER + 1):
        if (
            u8(data, k, end) == _APPLICATION_DATA
            and be16(data, k + 1, end) == 0x0303
            and _heads(data, k, end)
        ):
            return k
    return -1


@kernel
def _comes_late(packet: Records, flow: Records, missing: Records) -> bool:
    """True if a segment is one that was passed over; a row of gaps is rare."""
    side = i64(packet["side"])
    return flow["gaps"][side] >= 0 and is_missing(flow, side, packet["seq"], missing)


@kernel
def _segment(data: Bytes, packet: Records, flow: Records, missing: Records, turn: Records) -> None:
    """Records of a segment of the server."""
    seq, size, at = packet["seq"], packet["payload_bytes"], i64(packet["payload"])
    offset = distance(i64(turn["next"]), seq)  # where in the segment the next header begins
    if turn["in_step"] and 0 <= offset < size:
        _walk(data, at + offset, i64(turn["next"]), True, packet, turn)
    elif turn["in_step"] and turn["held"] > 0 and offset == -i64(turn["held"]):
        _walk_on(data, packet, turn)
    elif offset < size or _comes_late(packet, flow, missing):
        # Out of step, ahead of what is missing, or late: what lies between headers is of no interest.
        first = _find(data, at, i64(packet["end"]))
        if first >= 0:
            _walk(data, first, seq + first - at, offset < size, packet, turn)


@kernel
def _is_download(turn: Records, now: int) -> bool:
    """True if an answer began with large records, or comes too fast for what was written just now."""
    if turn["units"] == _LARGE_UNITS:
        return turn["bytes"] >= _LARGE_BYTES
    elapsed = now - turn["first"]
    return turn["bytes"] > FAST_BYTES and turn["bytes"] * SECOND > elapsed * _FAST_BYTES_PER_S


@kernel
def _answer(data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """A payload of the server."""
    flow, now = table.flows[row], i64(packet["time"])
    turn = table.turns[flow["turn"]]
    if packet["protocol"] != TCP:
        if u8(data, i64(packet["payload"]), i64(packet["end"])) & 0xC0 == 0x40:
            _count(turn, min(packet["payload_bytes"], 0xFFFF), now)
    else:
        _segment(data, packet, flow, table.missing, turn)
        if distance(packet["seq"], i64(turn["next"])) > FAST_BYTES:
            finish(row, UNFINISHED, table, output, control)
            return
    if now - turn["first"] > LONGEST:
        finish(row, ENDLESS, table, output, control)
    elif _is_download(turn, now):
        finish(row, TOO_FAST, table, output, control)


@step
def _is_amid(packet: Records, flow: Records, turn: Records) -> bool:
    """True for a segment amid a record whose header was seen: most are, and say nothing."""
    if packet["protocol"] != TCP or turn["in_step"] == 0 or flow["gaps"][packet["side"]] >= 0:
        return False
    return (
        turn["side"] != packet["side"]
        and distance(i64(turn["next"]), packet["seq"]) >= packet["payload_bytes"]
    )


@kernel
def take(data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """A payload of a connection, before it is accounted. What came in fragments is missed."""
    flow = table.flows[row]
    if flow["turn"] >= 0:
        if packet["fragment"] >= 0 or _is_amid(packet, flow, table.turns[flow["turn"]]):
            return
        expire(row, i64(packet["time"]), table, output, control)
    elif packet["fragment"] >= 0:
        return
    if _is_upload(packet, flow):
        _upload(data, packet, row, table, output, control)
    elif flow["turn"] >= 0:
        _answer(data, packet, row, table, output, control)
