"""The kernel that takes a packet through all steps: clock, frame, duplicates, flow, messages, counters.

Every frame is counted once: packets = decoded + reasons (`layout.MINUTE_COUNTS`). Work between packets
(sweeps, full outputs) depends only on the sequence of packets, so that any buffer size, file split or batch
size gives the same rows.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.dissection.fragments import assign
from sensor.decode.dissection.ip import (
    DECODED,
    DUPLICATE,
    FAULT,
    FRAGMENT,
    MALFORMED,
    NON_IP,
    OTHER_TRANSPORT,
    TRUNCATED,
    UNDECODED_LINK,
)
from sensor.decode.dns import tcp as tcpdns
from sensor.decode.flows import table as flow_table
from sensor.decode.flows.duplicates import is_duplicate
from sensor.decode.flows.prefetch import AHEAD, dissect_ahead
from sensor.decode.flows.table import EVICTED
from sensor.decode.http import later_messages
from sensor.decode.identity import packets as identity_packets
from sensor.decode.identity.packets import LLMNR, MDNS, NETBIOS_NAMES
from sensor.decode.kernels.jit import entry, kernel, step
from sensor.decode.kernels.packet_bytes import copy
from sensor.decode.layout import (
    HOUR,
    LOOKAHEAD,
    MINUTE,
    SECOND,
    TCP,
    Bytes,
    Ingress,
    Output,
    Partial,
    Records,
    Table,
    i64,
)
from sensor.decode.quic.initials import is_initial
from sensor.decode.streaming import turns
from sensor.decode.tcp import first_bytes, reassembly
from sensor.decode.tcp.messages import (
    DNS_MESSAGE,
    DNS_PORT,
    FIRST_BYTES,
    IDENTITY,
    INITIAL,
    JSON_RPC,
    STREAM_BYTES,
    emit_packet_event,
)

# Reasons why `decode` stops.
DONE = 0
FULL = 1
"""An output buffer has no room for another packet: end the batch."""
SET_BACK = 2
"""The clock was set back by more than an hour: end all connections, then continue."""

#: Packets between two sweeps, and rows examined by one.
_SWEEP_PERIOD = 64
_SWEEP_ROWS = 64
_SWEEP_STREAMS = 4

#: Output room that one packet and its sweep may need.
SLICE_SLACK = _SWEEP_ROWS + 8
TURN_SLACK = _SWEEP_ROWS + 8
EVENT_SLACK = 2 * _SWEEP_ROWS + _SWEEP_STREAMS + tcpdns.MESSAGES + 8
ARENA_SLACK = EVENT_SLACK * STREAM_BYTES
_MINUTE_SLACK = 2

_MAX_DNS = 8192
_MAX_INITIAL = 2048
#: Maximum Initials emitted per side of a connection.
_INITIALS = 8

_FIRST_USER_PORT = 1024
#: Before a packet that is followed by none.
_LONGEST_SILENCE = 7 * 24 * HOUR


@step
def _accepted_time(frames: Records, i: int, count: int, clock: int) -> int:
    """The time of the frame, corrected by the running clock; negative if the clock was set back to -time.

    A jump of more than an hour is accepted only if most of the next 64 packets agree with it. If no packet
    follows, one of up to a week is: a quiet capture ends so more often than a damaged one.
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
    if 2 * agreeing > last - i - 1 or (last == i + 1 and not back and time - clock < _LONGEST_SILENCE):
        return -time if back else time
    if clock == 0:
        return earliest
    return clock


@step
def _minute_row(now: int, minutes: Records, control: Records) -> int:
    """The row of this minute, added if needed."""
    row = i64(control["minutes"]) - 1
    if row >= 0 and 0 <= now - minutes[row]["minute"] < MINUTE:
        return row
    row += 1
    control["minutes"] = row + 1
    minutes[row]["minute"], minutes[row]["first_seen"] = now // MINUTE * MINUTE, now
    return row


@kernel
def _count(status: int, minute: Records) -> None:
    """Count a frame by the reason why it was not decoded."""
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
    elif status == FAULT:
        minute["decoder_faults"] += 1


@kernel
def _emit_payload(kind: int, limit: int, serial: int, ordinal: int, data: Bytes, packet: Records,
                  output: Output, control: Records) -> None:  # fmt: skip
    """Copy the payload of a packet to the arena as a message."""
    at = i64(packet["payload"])
    size = min(i64(packet["end"]) - at, limit)
    copy(data, at, size, output.arena, i64(control["arena"]))
    emit_packet_event(kind, size, serial, ordinal, packet, output, control)


@kernel
def _has_dns_port(packet: Records) -> bool:
    """True for a datagram from or to port 53; if it is a later fragment, there is no connection to find."""
    return packet["source_port"] == DNS_PORT or packet["target_port"] == DNS_PORT


@kernel
def _is_lookup(data: Bytes, packet: Records) -> bool:
    """True for a DNS query or answer: from or to port 53, or certain by its content."""
    at, end = i64(packet["payload"]), i64(packet["end"])
    if _has_dns_port(packet):
        return tcpdns.is_dns(data, at, end)
    if _is_local_name(packet) or NETBIOS_NAMES in (packet["source_port"], packet["target_port"]):
        return False  # NetBIOS resembles DNS (RFC 1002 §4.2)
    return tcpdns.is_plain_dns(data, at, end)


@kernel
def _is_local_name(packet: Records) -> bool:
    """True for mDNS (RFC 6762) or LLMNR (RFC 4795), unless their port is only an ephemeral port of a
    client."""
    source, target = packet["source_port"], packet["target_port"]
    if source in (MDNS, LLMNR):
        return target >= _FIRST_USER_PORT
    return target in (MDNS, LLMNR) and source >= _FIRST_USER_PORT


@kernel
def _is_setting_up(packet: Records) -> bool:
    """True for a TCP payload of a protocol that may identify the holder of an address
    (`identity_packets`)."""
    port = min(packet["source_port"], packet["target_port"])
    is_identity = port == identity_packets.KERBEROS or port == identity_packets.SMB
    return is_identity and packet["payload"] < packet["end"]


@kernel
def close(row: int, why: int, table: Table, partial: Partial, output: Output, control: Records) -> None:
    """End a connection, after abandoning its incomplete messages."""
    for side in range(2):
        stream_row = i64(table.flows[row]["stream"][side])
        if stream_row >= 0:
            reassembly.abandon(stream_row, i64(table.flows[row]["last"]), partial, table, output, control)
    turns.end(row, i64(control["clock"]), table, output, control)
    flow_table.end(row, why, table, output.slices, control)


@kernel
def _begin(
    packet: Records, tag: int, row: int, table: Table, partial: Partial, output: Output, control: Records
) -> int:
    """Begin a connection; `row` is the previous one between the same endpoints, or -1. Evicts one if
    needed."""
    if row >= 0:
        close(row, 0, table, partial, output, control)
    if control["free"] == 0:
        close(flow_table.eviction_candidate(table, control), EVICTED, table, partial, output, control)
        control["evictions"] += 1
    return flow_table.begin(packet, tag, table, control)


@kernel
def _emit_message(kind: int, limit: int, data: Bytes, packet: Records, row: int, table: Table, output: Output,
         control: Records) -> None:  # fmt: skip
    """Emit a payload as the next message of its connection."""
    flow, serial = table.flows[row], i64(table.colds[row]["serial"])
    flow["events"] += 1
    _emit_payload(kind, limit, serial, i64(flow["events"]), data, packet, output, control)


@kernel
def _take_initial(
    data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records
) -> None:
    """Emit a QUIC Initial of either side: only decryption shows which side is the client."""
    flow, side = table.flows[row], i64(packet["side"])
    if flow["probed"][side] < _INITIALS:
        flow["probed"][side] += 1
        _emit_message(INITIAL, _MAX_INITIAL, data, packet, row, table, output, control)


@kernel
def _take_json_rpc(
    data: Bytes, packet: Records, row: int, table: Table, output: Output, control: Records
) -> None:
    """Emit a JSON-RPC message of either side, within the budget."""
    minute = output.minutes[control["minutes"] - 1]
    minute["rpc_messages"] += 1
    if later_messages.affords(later_messages.PER_CONNECTION, table.flows[row], control):
        _emit_message(JSON_RPC, later_messages.MOST_BYTES, data, packet, row, table, output, control)
    else:
        minute["rpc_skipped"] += 1


@kernel
def _take_segment(
    data: Bytes, packet: Records, row: int, table: Table, partial: Partial, output: Output, control: Records
) -> None:
    """Search a TCP payload for messages that name its connection, and for DNS."""
    flow = table.flows[row]
    if tcpdns.speaks_dns(data, packet, flow):
        tcpdns.read_segment(data, packet, row, partial, table, output, control)
    elif reassembly.is_candidate(data, packet, flow):
        reassembly.probe(data, packet, row, partial, table, output, control)
    is_first = flow["probed"][packet["side"]] == 1 and flow["events"] <= 1
    if is_first and first_bytes.may_be_cluster(data, packet):
        flow["probed"][packet["side"]] = reassembly.DONE
        _emit_message(FIRST_BYTES, first_bytes.MOST_BYTES, data, packet, row, table, output, control)


@kernel
def _take_request(
    data: Bytes, packet: Records, row: int, table: Table, partial: Partial, output: Output, control: Records
) -> None:
    """Begin a slice for a different request of the client, in which both sides are examined again."""
    if not later_messages.affords(later_messages.REQUESTS_PER_CONNECTION, table.flows[row], control):
        output.minutes[control["minutes"] - 1]["requests_unread"] += 1
        return
    flow_table.start_request(table.flows[row], table.colds[row], i64(packet["time"]), output.slices, control)
    _take_segment(data, packet, row, table, partial, output, control)


@kernel
def _take_reassembled(
    bodies: Bytes, at: int, packet: Records, row: int, table: Table, output: Output, control: Records
) -> None:
    """Process a fragmented UDP datagram that was reassembled in `bodies`."""
    packet["payload"], packet["end"] = at, at + packet["reassembled"]
    packet["payload_bytes"] = packet["reassembled"]
    if _is_lookup(bodies, packet):
        _emit_payload(DNS_MESSAGE, _MAX_DNS, 0, 0, bodies, packet, output, control)
    elif row >= 0 and is_initial(bodies, packet):
        _take_initial(bodies, packet, row, table, output, control)


@kernel
def sweep(table: Table, partial: Partial, output: Output, control: Records) -> None:
    """End idle connections among the next rows; each row is examined at most once per second."""
    now = i64(control["clock"])
    if control["sweep_row"] == 0:
        if 0 <= now - control["sweep_start"] < SECOND:
            return
        control["sweep_start"] = now
    reassembly.sweep(_SWEEP_STREAMS, now, partial, table, output, control)
    for _ in range(min(_SWEEP_ROWS, i64(control["rows_used"]))):
        row = i64(control["sweep_row"])
        control["sweep_row"] = row + 1 if row + 1 < control["rows_used"] else 0
        flow = table.flows[row]
        if flow["protocol"] != 0 and now - flow["last"] > flow_table.idle_limit(flow):
            close(row, 0, table, partial, output, control)


@kernel
def has_room(output: Output, control: Records) -> bool:
    """True if the output buffers have room for one packet and its sweep."""
    return bool(
        control["slices"] + SLICE_SLACK <= output.slices.size
        and control["events"] + EVENT_SLACK <= output.events.size
        and control["arena"] + ARENA_SLACK <= output.arena.size
        and control["minutes"] + _MINUTE_SLACK <= output.minutes.size
        and control["turns"] + TURN_SLACK <= output.turns.size
    )


@step
def _find_connection(
    packet: Records, table: Table, partial: Partial, output: Output, control: Records
) -> int:
    """The row of the connection, begun if needed; expires its slice and incomplete messages."""
    if packet["fragment"] > 0:
        flow_table.canonicalise(packet, control)
    tag = i64(packet["tag"])
    row = flow_table.find(table.index, table.flows, packet, tag)
    if row < 0 or flow_table.is_over(table.flows[row], table.colds[row], packet):
        row = _begin(packet, tag, row, table, partial, output, control)
    flow, now = table.flows[row], i64(packet["time"])
    if flow["stream"][0] >= 0 or flow["stream"][1] >= 0:
        reassembly.expire(row, now, partial, table, output, control)
    if flow_table.is_slice_over(flow, now):
        turns.expire(row, now, table, output, control)
        flow_table.roll(flow, table.colds[row], now, output.slices, control)
    return row


@step
def _take(
    data: Bytes, packet: Records, bodies: Bytes, table: Table, partial: Partial, output: Output,
    control: Records
) -> None:  # fmt: skip
    """Process a packet of a connection, or a DNS message."""
    later = packet["fragment"] > 0
    source = bodies if packet["protocol"] == TCP and packet["reassembled"] > 0 else data
    lookup = packet["protocol"] != TCP and (_has_dns_port(packet) if later else _is_lookup(data, packet))
    row = -1
    if not lookup:
        row = _find_connection(packet, table, partial, output, control)
        flow = table.flows[row]
        if packet["protocol"] == TCP:
            wanted = flow["probed"][packet["side"]] != reassembly.DONE
            if later_messages.is_new_request(source, packet, flow, wanted):
                _take_request(source, packet, row, table, partial, output, control)
            elif wanted and packet["payload"] < packet["end"]:
                _take_segment(source, packet, row, table, partial, output, control)
            if packet["reassembled"] <= 0 and later_messages.is_json_rpc(data, packet):
                _take_json_rpc(data, packet, row, table, output, control)
        elif is_initial(data, packet):
            _take_initial(data, packet, row, table, output, control)
        elif flow["events"] == 0 and first_bytes.is_rdma(data, packet):
            _emit_message(FIRST_BYTES, first_bytes.MOST_BYTES, data, packet, row, table, output, control)
        if packet["payload_bytes"] > 0 and turns.concerns(packet, flow):
            turns.follow(source, packet, row, table, output, control)
        flow_table.account(flow, table.colds[row], packet, table.missing, control)
    elif packet["fragment"] <= 0:
        _emit_payload(DNS_MESSAGE, _MAX_DNS, 0, 0, data, packet, output, control)
    if packet["reassembled"] > 0 and packet["protocol"] != TCP:
        _take_reassembled(bodies, i64(packet["reassembled_at"]), packet, row, table, output, control)


@step
def _count_frame(frame: Records, now: int, minutes: Records, control: Records) -> int:
    """Count a frame in its minute; returns the row of this minute."""
    row = _minute_row(now, minutes, control)
    minute = minutes[row]
    minute["last_seen"] = now
    minute["packets"] += 1
    minute["bytes"] += frame["length"]
    if abs(frame["time"] - now) > HOUR:
        minute["clock_jumps"] += 1
    return row


@step
def _admit(data: Bytes, packet: Records, ingress: Ingress, control: Records) -> int:
    """DECODED for a packet of a connection; else the reason why its frame is only counted."""
    status = i64(packet["status"])
    if status not in (DECODED, FRAGMENT):
        return status
    if is_duplicate(packet, ingress.recent, control):
        return DUPLICATE
    return assign(data, packet, ingress.datagrams, ingress.bodies) if packet["fragment"] >= 0 else status


@step
def _process(
    data: Bytes, packet: Records, minute: Records, ingress: Ingress, table: Table, partial: Partial,
    output: Output, control: Records,
) -> None:  # fmt: skip
    """Process a decoded packet: it may tell who holds an address, and belongs to a connection."""
    is_tcp = packet["protocol"] == TCP
    if (
        (not is_tcp or _is_setting_up(packet))
        and identity_packets.is_identity(data, packet)
        and identity_packets.affords(minute, control)
    ):
        _emit_payload(IDENTITY, identity_packets.MOST_BYTES, 0, 0, data, packet, output, control)
    if not is_tcp and _is_local_name(packet):
        minute["local_names"] += 1
        return
    evictions, names_lost = i64(control["evictions"]), i64(control["names_lost"])
    turns_missed = i64(control["turns_missed"])
    _take(data, packet, ingress.bodies, table, partial, output, control)
    minute["evictions"] += control["evictions"] - evictions
    minute["names_lost"] += control["names_lost"] - names_lost
    minute["turns_unjudged"] += control["turns_missed"] - turns_missed


@entry
def decode(
    data: Bytes, frames: Records, first: int, last: int, count: int, ingress: Ingress, table: Table,
    partial: Partial, output: Output, controls: Records,
) -> tuple[int, int]:  # fmt: skip
    """Decode frames[first:last], with lookahead up to `count`; returns the next frame and the stop reason."""
    control, dissected = controls[0], first
    for i in range(first, last):
        if not has_room(output, control):
            return i, FULL
        control["at"] = i
        dissected = dissect_ahead(data, frames, i, dissected, last, ingress, table, control)
        packet = ingress.packets[i & (AHEAD - 1)]
        now = _accepted_time(frames, i, count, i64(control["clock"]))
        if now < 0:
            control["clock"] = -now
            return i, SET_BACK
        control["clock"], packet["time"] = now, now
        control["packets"] += 1
        minute = output.minutes[_count_frame(frames[i], now, output.minutes, control)]
        if control["packets"] & (_SWEEP_PERIOD - 1) == 0:
            sweep(table, partial, output, control)
        status = _admit(data, packet, ingress, control)
        if status == DECODED:
            minute["decoded"] += 1
            _process(data, packet, minute, ingress, table, partial, output, control)
        else:
            _count(status, minute)
    return last, DONE


@entry
def flush(first: int, table: Table, partial: Partial, output: Output, controls: Records) -> int:
    """End all connections from row `first` on while the outputs have room; returns the next row."""
    control = controls[0]
    for row in range(first, control["rows_used"]):
        if not has_room(output, control):
            return row
        if table.flows[row]["protocol"] != 0:
            close(row, 0, table, partial, output, control)
    return i64(control["rows_used"])
