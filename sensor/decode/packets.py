"""The kernel that owns the journey of a packet: clock, frame, duplicate, flow, message, counters.

Every frame is counted once: packets = decoded + reasons (`layout.MINUTE_COUNTS`). Everything that
happens between packets (sweeps, full outputs) depends on the sequence of packets alone, never on how
they were cut into calls, so any buffer size, file split or batch size gives the same rows.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode import flow as flow_table
from sensor.decode import stream as half_read
from sensor.decode.flow import EVICTED
from sensor.decode.fragments import place
from sensor.decode.ip import (
    DECODED,
    DUPLICATE,
    FRAGMENT,
    MALFORMED,
    NON_IP,
    OTHER_TRANSPORT,
    TRUNCATED,
    UNDECODED_LINK,
    dissect,
)
from sensor.decode.jit import entry, kernel
from sensor.decode.layout import HOUR, MINUTE, TCP, Bytes, Records, i64
from sensor.decode.read import be16, be32, digest, u8
from sensor.decode.stream import DNS_MESSAGE, INITIAL

# What stopped `decode`.
DONE = 0
FULL = 1
"""An output has no room for another packet: cut the batch."""
SET_BACK = 2
"""The clock was set back by more than an hour: end all connections, then go on."""

#: Packets that must agree before a jump of the clock is believed.
LOOKAHEAD = 64

#: Packets between two sweeps, and rows looked at by one.
_SWEEP_PERIOD = 64
_SWEEP_ROWS = 64
_SWEEP_STREAMS = 16

#: Room that the handling of one packet and its sweep may need.
SLICE_SLACK = _SWEEP_ROWS + 8
EVENT_SLACK = 2 * _SWEEP_ROWS + _SWEEP_STREAMS + 8
ARENA_SLACK = EVENT_SLACK * half_read.STREAM_BYTES
_MINUTE_SLACK = 2

#: A SPAN port delivers its second copy of a frame this soon.
_DUPLICATE_WINDOW = 50_000
_WAYS = 4
_HASHED_BYTES = 48

_MAX_DNS = 8192
_MAX_INITIAL = 2048
#: Initials of a connection that are worth decrypting.
_INITIALS = 4
_QUIC_V1 = 1
_QUIC_V2 = 0x6B3343CF


@kernel
def _believed_time(frames: Records, i: int, count: int, clock: int) -> int:
    """The frame's time as the running clock sees it; negative if the clock was set back to -time.

    A jump of more than an hour counts only if most of the next 64 packets agree with it.
    """
    time = i64(frames[i]["time"])
    if clock != 0 and clock - HOUR <= time <= clock + HOUR:
        return max(clock, time)
    back = clock != 0 and time < clock
    agreeing, last = 0, min(count, i + 1 + LOOKAHEAD)
    earliest = time
    for k in range(i + 1, last):
        other = i64(frames[k]["time"])
        earliest = min(earliest, other)
        agreeing += 1 if (other < clock - HOUR if back else other >= time - HOUR) else 0
    if 2 * agreeing > last - i - 1:
        return -time if back else time
    if clock == 0:
        return earliest
    return clock


@kernel
def _minute_row(now: int, minutes: Records, control: Records) -> int:
    """The row that counts this minute, opened if need be."""
    minute = now // MINUTE * MINUTE
    row = i64(control["minutes"]) - 1
    if row >= 0 and minutes[row]["minute"] == minute:
        return row
    row += 1
    control["minutes"] = row + 1
    minutes[row]["minute"], minutes[row]["first_seen"] = minute, now
    return row


@kernel
def _count(status: int, minute: Records) -> None:
    """Count a frame under the reason why it went no further."""
    if status == NON_IP:
        minute["non_ip"] += 1
    elif status == OTHER_TRANSPORT:
        minute["other_transport"] += 1
    elif status == UNDECODED_LINK:
        minute["undecoded_link"] += 1
    elif status == MALFORMED:
        minute["malformed"] += 1
    elif status == TRUNCATED:
        minute["truncated"] += 1
    elif status == FRAGMENT:
        minute["fragments"] += 1
    elif status == DUPLICATE:
        minute["duplicates"] += 1


@kernel
def _content(data: Bytes, packet: Records) -> np.uint64:
    """Hash of what routing leaves alone: addresses, identification, transport header, payload's ends.

    Some payload is part of it because checksums of packets captured on their sender are not filled in.
    """
    at, end = i64(packet["transport"]), i64(packet["end"])
    state = np.uint64(packet["identification"] << 32 | packet["payload_bytes"] & 0xFFFFFFFF)
    for i in range(2):
        state = flow_table.mix(flow_table.mix(state, packet["source"][i]), packet["target"][i])
    state = digest(data, at, min(end, at + _HASHED_BYTES), state)
    return flow_table.mix(digest(data, max(at, end - 8), end, state), np.uint64(end - at))


@kernel
def _is_duplicate(data: Bytes, packet: Records, recent: Records) -> bool:
    """True if the same datagram passed less than 50 ms ago (field: mirror sessions copy twice)."""
    content = _content(data, packet)
    now = i64(packet["time"])
    first = i64(content & np.uint64(recent.size // _WAYS - 1)) * _WAYS
    oldest = first
    for way in range(first, first + _WAYS):
        if recent[way]["content"] == content and now - recent[way]["time"] <= _DUPLICATE_WINDOW:
            return True
        if recent[way]["time"] < recent[oldest]["time"]:
            oldest = way
    recent[oldest]["content"], recent[oldest]["time"] = content, now
    return False


@kernel
def _hand_on(kind: int, limit: int, serial: int, ordinal: int, data: Bytes, packet: Records, arena: Bytes,
             events: Records, control: Records) -> None:  # fmt: skip
    """Copy a datagram's payload to the arena as a message."""
    at, to = i64(packet["payload"]), i64(control["arena"])
    size = min(i64(packet["end"]) - at, limit)
    arena[to : to + size] = data[at : at + size]
    out = events[control["events"]]
    for i in range(2):
        out["address"][i], out["address"][2 + i] = packet["source"][i], packet["target"][i]
    out["port"][0], out["port"][1] = packet["source_port"], packet["target_port"]
    out["side"], out["protocol"], out["tunnel"] = packet["side"], packet["protocol"], packet["tunnel"]
    whole = 1 if size == packet["payload_bytes"] else 0
    half_read.emit_event(kind, size, whole, i64(packet["time"]), serial, ordinal, events, control)


@kernel
def _is_dns(data: Bytes, packet: Records) -> bool:
    """A datagram from or to port 53 that looks like a DNS query or answer (RFC 1035 §4.1.1)."""
    if packet["source_port"] != 53 and packet["target_port"] != 53:
        return False
    at, end = i64(packet["payload"]), i64(packet["end"])
    flags, questions = be16(data, at + 2, end), be16(data, at + 4, end)
    return flags >= 0 and flags & 0x7840 == 0 and questions == 1 and u8(data, at + 12, end) >= 0


@kernel
def _is_of_dns(packet: Records) -> bool:
    """A later fragment of a datagram from or to port 53, which is no connection."""
    return packet["protocol"] != TCP and (packet["source_port"] == 53 or packet["target_port"] == 53)


@kernel
def _is_initial(data: Bytes, packet: Records) -> bool:
    """A QUIC v1 or v2 Initial with a connection id (RFC 9000 §17.2.2, RFC 9369 §3.2)."""
    at, end = i64(packet["payload"]), i64(packet["end"])
    first, version = u8(data, at, end), be32(data, at + 1, end)
    if version == _QUIC_V1:
        kind = 0x80
    elif version == _QUIC_V2:
        kind = 0x90
    else:
        return False
    size = u8(data, at + 5, end)
    return first & 0xB0 == kind and 0 < size <= 20


@kernel
def close(row: int, why: int, index: Records, flows: Records, colds: Records, free: Records, streams: Records,
          pages: Bytes, stacks: Records, scratch: Bytes, arena: Bytes, events: Records, slices: Records,
          control: Records) -> None:  # fmt: skip
    """End a connection, and first what was half-read of it."""
    for side in range(2):
        held = i64(colds[row]["stream"][side])
        if held >= 0:
            time = i64(flows[row]["last"])
            half_read.give_up(
                held, time, streams, pages, stacks, scratch, flows, colds, arena, events, control
            )
    flow_table.end(row, index, flows, colds, free, slices, control, why)


@kernel
def _begin(packet: Records, tag: int, row: int, index: Records, flows: Records, colds: Records, free: Records,
           streams: Records, pages: Bytes, stacks: Records, scratch: Bytes, arena: Bytes,
           events: Records, slices: Records, control: Records) -> int:  # fmt: skip
    """A row for a new connection; `row` is the one before it between the same endpoints, or -1."""
    if row >= 0:
        close(
            row, 0, index, flows, colds, free, streams, pages, stacks, scratch, arena, events, slices, control
        )
    if control["free"] == 0:
        row = flow_table.worst(flows, colds, control)
        close(row, EVICTED, index, flows, colds, free, streams, pages, stacks, scratch, arena, events, slices,
              control)  # fmt: skip
        control["evictions"] += 1
    return flow_table.begin(packet, tag, index, flows, colds, free, control)


@kernel
def _take_initial(data: Bytes, packet: Records, flow: Records, cold: Records, arena: Bytes, events: Records,
                  control: Records) -> None:  # fmt: skip
    """Hand on a client's QUIC Initial; whoever sends the first is the client."""
    side = i64(packet["side"])
    if flow["client"] == 0:
        flow["client"] = 1 + side
    if flow["client"] == 1 + side and cold["events"] < _INITIALS:
        cold["events"] += 1
        serial, ordinal = i64(cold["serial"]), i64(cold["events"])
        _hand_on(INITIAL, _MAX_INITIAL, serial, ordinal, data, packet, arena, events, control)


@kernel
def sweep(index: Records, flows: Records, colds: Records, free: Records, streams: Records, pages: Bytes,
          stacks: Records, scratch: Bytes, arena: Bytes, events: Records, slices: Records,
          control: Records) -> None:  # fmt: skip
    """End those of the next rows that have been idle too long."""
    now = i64(control["clock"])
    half_read.sweep(
        _SWEEP_STREAMS, now, streams, pages, stacks, scratch, flows, colds, arena, events, control
    )
    for _ in range(min(_SWEEP_ROWS, i64(control["high"]))):
        row = i64(control["hand"])
        control["hand"] = (row + 1) % i64(control["high"])
        flow = flows[row]
        if flow["protocol"] != 0 and now - flow["last"] > flow_table.idle_limit(flow):
            close(row, 0, index, flows, colds, free, streams, pages, stacks, scratch, arena, events, slices,
                  control)  # fmt: skip


@kernel
def _has_room(slices: Records, events: Records, arena: Bytes, minutes: Records, control: Records) -> bool:
    return bool(
        control["slices"] + SLICE_SLACK <= slices.size
        and control["events"] + EVENT_SLACK <= events.size
        and control["arena"] + ARENA_SLACK <= arena.size
        and control["minutes"] + _MINUTE_SLACK <= minutes.size
    )


@entry
def decode(
    data: Bytes, frames: Records, first: int, last: int, count: int, packets: Records, recent: Records,
    datagrams: Records, index: Records, flows: Records, colds: Records, free: Records, streams: Records,
    pages: Bytes, stacks: Records, scratch: Bytes, arena: Bytes, events: Records, slices: Records,
    minutes: Records, controls: Records,
) -> tuple[int, int]:  # fmt: skip
    """Decode frames[first:last], looking ahead as far as `count`: the next frame, and what stopped."""
    control, packet = controls[0], packets[0]
    for i in range(first, last):
        if not _has_room(slices, events, arena, minutes, control):
            return i, FULL
        now = _believed_time(frames, i, count, i64(control["clock"]))
        if now < 0:
            control["clock"] = -now
            return i, SET_BACK
        control["at"], control["clock"], packet["time"] = i, now, now
        control["packets"] += 1
        minute = minutes[_minute_row(now, minutes, control)]
        minute["last_seen"] = now
        minute["packets"] += 1
        minute["bytes"] += frames[i]["length"]
        if abs(frames[i]["time"] - now) > HOUR:
            minute["clock_jumps"] += 1
        evictions, names_lost = i64(control["evictions"]), i64(control["names_lost"])
        if control["packets"] % _SWEEP_PERIOD == 0:
            sweep(index, flows, colds, free, streams, pages, stacks, scratch, arena, events, slices, control)
        status = dissect(data, frames[i], packet)
        if status != DECODED and status != FRAGMENT:
            _count(status, minute)
            continue
        if _is_duplicate(data, packet, recent):
            minute["duplicates"] += 1
            continue
        if packet["fragment"] >= 0:
            status = place(packet, datagrams)
        if status != DECODED:
            _count(status, minute)
            continue
        if packet["fragment"] > 0 and _is_of_dns(packet):
            minute["decoded"] += 1
            continue
        if packet["protocol"] != TCP and _is_dns(data, packet):
            _hand_on(DNS_MESSAGE, _MAX_DNS, 0, 0, data, packet, arena, events, control)
            minute["decoded"] += 1
            continue
        # Calls with many arrays cost more than what most packets need, so they are made only where needed.
        flow_table.canonicalise(packet)
        tag = flow_table.tag_of(packet, control)
        row = flow_table.find(index, flows, packet, tag)
        if row < 0 or flow_table.is_over(flows[row], colds[row], packet):
            row = _begin(packet, tag, row, index, flows, colds, free, streams, pages, stacks, scratch, arena,
                         events, slices, control)  # fmt: skip
        flow, cold = flows[row], colds[row]
        if cold["stream"][0] >= 0 or cold["stream"][1] >= 0:
            half_read.expire(row, now, streams, pages, stacks, scratch, flows, colds, arena, events, control)
        flow_table.roll(flow, cold, now, slices, control)
        if packet["protocol"] == TCP:
            if packet["payload"] < packet["end"] and cold["probed"][packet["side"]] != half_read.DONE:
                half_read.probe(data, packet, row, streams, pages, stacks, scratch, flows, colds, arena,
                                events, control)  # fmt: skip
        elif _is_initial(data, packet):
            _take_initial(data, packet, flow, cold, arena, events, control)
        flow_table.account(flow, cold, packet)
        minute["decoded"] += 1
        minute["evictions"] += control["evictions"] - evictions
        minute["names_lost"] += control["names_lost"] - names_lost
    return last, DONE


@entry
def flush(
    first: int, index: Records, flows: Records, colds: Records, free: Records, streams: Records, pages: Bytes,
    stacks: Records, scratch: Bytes, arena: Bytes, events: Records, slices: Records, minutes: Records,
    controls: Records,
) -> int:  # fmt: skip
    """End all connections from row `first` on, as far as the outputs have room; returns the next row."""
    control = controls[0]
    for row in range(first, control["high"]):
        if not _has_room(slices, events, arena, minutes, control):
            return row
        if flows[row]["protocol"] != 0:
            close(row, 0, index, flows, colds, free, streams, pages, stacks, scratch, arena, events, slices,
                  control)  # fmt: skip
    return i64(control["high"])
