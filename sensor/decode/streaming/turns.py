"""Follows turns: an upload over TLS or QUIC and the answer to it, measured in units; `judge` judges them.

Over TLS a unit is an application-data record. The 5-byte header of each record (RFC 8446 §5.1) is read in
place; `next` is the sequence number of the next header. A missed segment is counted if it arrives late; else
the parser resynchronises at the next segment that begins with a header. Over QUIC a unit is a datagram with a
short header (RFC 9000 §17.3). A unit is never a TCP segment, because segmentation depends on TCP and not on
the application.

A turn takes a row of a fixed pool when its upload begins, and frees it when it ends. If the pool is empty,
the turn is counted as not judged. Expired rows are reclaimed only when a row is needed.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.flows.table import CLOSED as CONNECTION_CLOSED
from sensor.decode.flows.table import client_by_port, distance, is_based, is_missing
from sensor.decode.kernels.jit import kernel, step
from sensor.decode.kernels.packet_bytes import be16, u8
from sensor.decode.layout import SECOND, TCP, Bytes, Output, Records, Table, i64
from sensor.decode.tls import record_layer

#: Units of a turn whose size and gap are stored. Those of later units are counted in histograms with this
#: many bins, four per octave (cleared on first use).
UNITS = 128
BINS = 64

#: A turn: 1,664 bytes, so a pool of 16,384 takes 27 MB, allocated on use.
TURN = np.dtype(
    [
        # accessed for every record: one cache line
        ("first", np.int64),  # time of the first unit
        ("last", np.int64),  # time of the latest unit
        ("bytes", np.int64),  # of all units
        ("record_bytes", np.int64),  # stream bytes of records whose header was seen; 0 for datagrams
        ("units", np.int32),
        ("chunks", np.int32),  # groups of units that were sent together
        ("small", np.int32),  # units too small for text
        ("row", np.int32),  # of its connection in the flow table
        ("begin", np.uint32),  # sequence number of the first record
        ("next", np.uint32),  # sequence number of the next record header
        ("partial_header", np.uint32),  # its first bytes, if a segment ended inside it
        ("partial_bytes", np.uint8),  # number of these bytes
        ("in_sync", np.uint8),  # 1 if a header is known to be at `next`
        ("side", np.uint8),  # of the client
        ("end", np.uint8),  # why it ended: one of the constants below
        # accessed rarely
        ("serial", np.int64),  # of the connection; 0 for a free row
        ("ordinal", np.int64),  # number of the turn within its connection, from 1
        ("start", np.int64),  # time of the last packet of the upload
        ("bytes_during", np.int64),  # payload bytes of the client during the answer
        ("padding", np.int64, (4,)),
        ("unit", np.int64, (UNITS,)),  # microseconds since the one before << 16 | bytes
        ("sizes", np.uint32, (BINS,)),
        ("gaps", np.uint32, (BINS,)),  # between chunks, in steps of 128 microseconds
    ]
)

#: Units at most this far apart (microseconds) were sent together and form a chunk.
CHUNK_US = 2000
#: Units smaller than this are control messages, not text.
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
"""The capture ended, or the connection was evicted, before the answer ended."""

#: Minimum chunks and duration (microseconds) of an answer that can be judged.
MIN_CHUNKS = 6
MIN_US = 800_000

#: An upload of at least this many bytes begins a turn after _QUIET microseconds of silence …
LEAST_UPLOAD = 150
_QUIET = 300_000
#: … and an upload of this many bytes at any time.
_ANY_UPLOAD = 600
#: A turn ends when the server is silent for IDLE, or for _WAIT before its first unit (microseconds).
IDLE = 10 * SECOND
_WAIT = 120 * SECOND
#: Not an answer of a model: longer than this (microseconds), or faster than this after FAST_BYTES.
LONGEST = 600 * SECOND
FAST_BYTES = 1 << 18
_FAST_BYTES_PER_S = 150_000
#: Not an answer of a model either: the first units are as large as those of downloads.
_LARGE_UNITS = 3
_LARGE_BYTES = _LARGE_UNITS * 8192

#: Maximum length of a record, including expansion by encryption (RFC 8446 §5.2, RFC 5246 §6.2.3).
_LONGEST_RECORD = (1 << 14) + 2048
_MOST_TURNS = 0xFFFF
_CANDIDATES = 64


@kernel
def bin_of(value: int) -> int:
    """The histogram bin of a value, four bins per octave."""
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
    """End the turn of a connection and free its row; a turn that can be judged goes to the output."""
    flow = table.flows[row]
    at = i64(flow["turn"])
    turn = table.turns[at]
    long_enough = turn["chunks"] >= MIN_CHUNKS and turn["last"] - turn["first"] >= MIN_US
    if long_enough and flow["turns"] < _MOST_TURNS:
        flow["turns"] += 1
        turn["ordinal"], turn["end"] = flow["turns"], why
        sent = i64(flow["next"][1 - i64(turn["side"])])
        if turn["record_bytes"] > 0 and distance(sent, i64(turn["next"])) > 0:
            turn["next"] = sent  # bytes after the last header found are missing, too
        output.turns[control["turns"]] = turn
        control["turns"] += 1
    turn["serial"], flow["turn"] = 0, -1
    table.free_turns[control["free_turns"]] = at
    control["free_turns"] += 1


@kernel
def expire(row: int, now: int, table: Table, output: Output, control: Records) -> None:
    """End the turn of a connection if it is too old. Called before its slice ends and before its next
    payload, so that a row depends on packets of its own connection only."""
    at = i64(table.flows[row]["turn"])
    if at >= 0 and _is_too_old(table.turns[at], now):
        finish(row, SILENCE, table, output, control)


@kernel
def end(row: int, now: int, table: Table, output: Output, control: Records) -> None:
    """End the turn, if any, of a connection that ends."""
    at = i64(table.flows[row]["turn"])
    if at >= 0:
        why = CLOSED if table.flows[row]["state"] == CONNECTION_CLOSED else UNFINISHED
        if _is_too_old(table.turns[at], now):
            why = SILENCE
        finish(row, why, table, output, control)


@kernel
def _reclaim(now: int, table: Table, output: Output, control: Records) -> None:
    """Free one expired row among the next few rows, if there is one."""
    for _ in range(_CANDIDATES):
        at = i64(control["turn_hand"])
        control["turn_hand"] = (at + 1) % table.turns.size
        turn = table.turns[at]
        if turn["serial"] != 0 and _is_too_old(turn, now):
            finish(i64(turn["row"]), SILENCE, table, output, control)
            return


@kernel
def _is_header(kind: int, version: int, length: int) -> bool:
    """True for a valid record header: change cipher spec, alert, handshake or application data."""
    return (
        record_layer.CHANGE_CIPHER_SPEC <= kind <= record_layer.APPLICATION_DATA
        and version >> 8 == 3
        and 0 < length <= _LONGEST_RECORD
    )


@kernel
def _is_record_header(data: Bytes, at: int, end: int) -> bool:
    """True if a record header is at `at`."""
    return _is_header(u8(data, at, end), be16(data, at + 1, end), be16(data, at + 3, end))


@kernel
def _begins_turn(data: Bytes, packet: Records, flow: Records) -> bool:
    """True if a payload of the client begins a new application-data record, or is a QUIC packet."""
    at, end, side = i64(packet["payload"]), i64(packet["end"]), i64(packet["side"])
    if packet["protocol"] != TCP:
        return (flow["probed"][0] > 0 or flow["probed"][1] > 0) and u8(data, at, end) & 0xC0 == 0x40
    if u8(data, at, end) != record_layer.APPLICATION_DATA or not _is_record_header(data, at, end):
        return False
    if not is_based(flow, side) or distance(packet["seq"], i64(flow["next"][side])) >= 0:
        return True
    return flow["gaps"][side] >= 0


@kernel
def _begin(packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """Begin a turn in a free row; without one, count it as missed."""
    flow, now = table.flows[row], i64(packet["time"])
    if control["free_turns"] == 0:
        _reclaim(now, table, output, control)
    if control["free_turns"] == 0:
        control["turns_missed"] += 1
        return
    control["free_turns"] -= 1
    at, server = i64(table.free_turns[control["free_turns"]]), 1 - i64(packet["side"])
    flow["turn"] = at
    turn = table.turns[at]
    turn["serial"], turn["row"] = table.colds[row]["serial"], row
    turn["side"], turn["start"] = packet["side"], now
    turn["units"], turn["chunks"], turn["bytes"], turn["record_bytes"] = 0, 0, 0, 0
    turn["bytes_during"], turn["small"], turn["first"], turn["last"] = 0, 0, now, now
    turn["next"], turn["in_sync"] = flow["next"][server], 1 if is_based(flow, server) else 0
    turn["begin"], turn["partial_header"], turn["partial_bytes"] = turn["next"], 0, 0


@kernel
def _upload(data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """Handle a payload of the client: it begins a turn, or belongs to the current one."""
    flow, now, size = table.flows[row], i64(packet["time"]), packet["payload_bytes"]
    if flow["turn"] >= 0:
        turn = table.turns[flow["turn"]]
        if turn["units"] == 0:
            turn["start"] = now
            return
        asks = size >= _ANY_UPLOAD or (size >= LEAST_UPLOAD and now - turn["last"] >= _QUIET)
        if not asks or not _begins_turn(data, packet, flow):
            turn["bytes_during"] += size
            return
        finish(row, NEXT_UPLOAD, table, output, control)
        _begin(packet, row, table, output, control)
    elif size >= LEAST_UPLOAD and _begins_turn(data, packet, flow):
        _begin(packet, row, table, output, control)


@kernel
def _count(turn: Records, size: int, now: int) -> None:
    """Count one unit."""
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
def _count_record(kind: int, length: int, seq: int, now: int, turn: Records) -> None:
    """Count a record by its header at sequence number `seq`."""
    if turn["record_bytes"] == 0 or distance(i64(turn["begin"]), seq) > 0:
        turn["begin"] = seq & 0xFFFFFFFF
    turn["record_bytes"] += record_layer.HEADER_BYTES + length
    if kind == record_layer.APPLICATION_DATA:
        _count(turn, length, now)


@kernel
def _count_records(data: Bytes, at: int, seq: int, ahead: bool, packet: Records, turn: Records) -> None:
    """Count the records with headers in data[at:], the first at sequence number `seq`; with `ahead`, move
    `next` along."""
    end, now = i64(packet["end"]), i64(packet["time"])
    while at + record_layer.HEADER_BYTES <= end:
        kind, length = u8(data, at, end), be16(data, at + 3, end)
        if not _is_header(kind, be16(data, at + 1, end), length):
            if ahead:
                turn["next"], turn["in_sync"], turn["partial_bytes"] = seq & 0xFFFFFFFF, 0, 0
            return
        _count_record(kind, length, seq, now, turn)
        at += record_layer.HEADER_BYTES + length
        seq += record_layer.HEADER_BYTES + length
    if ahead:
        turn["next"], turn["in_sync"], turn["partial_bytes"] = seq & 0xFFFFFFFF, 1, 0
        if at < end and end - packet["payload"] == packet["payload_bytes"]:
            turn["partial_bytes"], turn["partial_header"] = end - at, _append_header(data, at, end, 0)


@kernel
def _append_header(data: Bytes, at: int, end: int, partial_header: int) -> int:
    """The partial header with the bytes of data[at:end] appended."""
    for k in range(at, end):
        partial_header = partial_header << 8 | u8(data, k, end)
    return partial_header


@kernel
def _continue_header(data: Bytes, packet: Records, turn: Records) -> None:
    """Continue with a segment that begins inside a record header."""
    at, partial_bytes = i64(packet["payload"]), i64(turn["partial_bytes"])
    split, seq = at + record_layer.HEADER_BYTES - partial_bytes, i64(turn["next"])
    if split > packet["end"]:
        turn["in_sync"] = 0
        return
    partial_header = _append_header(data, at, split, i64(turn["partial_header"]))
    kind, length = partial_header >> 32, partial_header & 0xFFFF
    if not _is_header(kind, partial_header >> 16 & 0xFFFF, length):
        turn["in_sync"], turn["partial_bytes"] = 0, 0
        return
    _count_record(kind, length, seq, i64(packet["time"]), turn)
    _count_records(data, split + length, seq + record_layer.HEADER_BYTES + length, True, packet, turn)


@kernel
def _find_header(data: Bytes, at: int, end: int) -> int:
    """The offset of the first application-data header in data[at:end], or -1.

    A false positive occurs once in 40,000 full segments (24 bits and a plausible length must match).
    """
    for k in range(at, end - record_layer.HEADER_BYTES + 1):
        if (
            u8(data, k, end) == record_layer.APPLICATION_DATA
            and be16(data, k + 1, end) == 0x0303
            and _is_record_header(data, k, end)
        ):
            return k
    return -1


@kernel
def _fills_gap(packet: Records, flow: Records, missing: Records) -> bool:
    """True if a segment fills a gap; rows of gaps are rare."""
    side = i64(packet["side"])
    return flow["gaps"][side] >= 0 and is_missing(flow, side, packet["seq"], missing)


@kernel
def _segment(data: Bytes, packet: Records, flow: Records, missing: Records, turn: Records) -> None:
    """Count the records in a segment of the server."""
    seq, size, at = packet["seq"], packet["payload_bytes"], i64(packet["payload"])
    offset = distance(i64(turn["next"]), seq)  # of the next header in the segment
    if turn["in_sync"] and 0 <= offset < size:
        _count_records(data, at + offset, i64(turn["next"]), True, packet, turn)
    elif turn["in_sync"] and turn["partial_bytes"] > 0 and offset == -i64(turn["partial_bytes"]):
        _continue_header(data, packet, turn)
    elif offset < size or _fills_gap(packet, flow, missing):
        # Out of sync, ahead of a gap, or late: find the next header.
        first = _find_header(data, at, i64(packet["end"]))
        if first >= 0:
            _count_records(data, first, seq + first - at, offset < size, packet, turn)


@kernel
def _is_download(turn: Records, now: int) -> bool:
    """True if an answer begins with large records, or comes too fast to be generated."""
    if turn["units"] == _LARGE_UNITS:
        return turn["bytes"] >= _LARGE_BYTES
    elapsed = now - turn["first"]
    return turn["bytes"] > FAST_BYTES and turn["bytes"] * SECOND > elapsed * _FAST_BYTES_PER_S


@kernel
def _answer(data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """Handle a payload of the server."""
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
def _is_inside_record(packet: Records, flow: Records, turn: Records) -> bool:
    """True for a segment inside a record whose header was seen. Most are, and need no work."""
    if packet["protocol"] != TCP or turn["in_sync"] == 0 or flow["gaps"][packet["side"]] >= 0:
        return False
    return (
        turn["side"] != packet["side"]
        and distance(i64(turn["next"]), packet["seq"]) >= packet["payload_bytes"]
    )


@kernel
def follow(data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records) -> None:
    """Handle a payload of a connection before it is accounted."""
    flow = table.flows[row]
    if flow["turn"] >= 0:
        if _is_inside_record(packet, flow, table.turns[flow["turn"]]):
            return
        expire(row, i64(packet["time"]), table, output, control)
    if _is_upload(packet, flow):
        _upload(data, packet, row, table, output, control)
    elif flow["turn"] >= 0:
        _answer(data, packet, row, table, output, control)
