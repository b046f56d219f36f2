"""The flow table: connections and their byte counts, in slices of a minute.

Memory at 2^20 connections (default), allocated on use: index 16 MB, FLOW 134 MB, COLD 67 MB,
free stack 4 MB, gaps 2 MB. The index is an open-addressing table of 8-byte slots (31-bit tag, row + 1) with
a load of at most 0.6. Its seed is random per start, and no row depends on it.

Bytes are *unique payload*: the union of [seq, seq + len) per direction, or the progress of the other side's
acknowledgements if that is larger (the sensor missed segments). Totals never decrease, so the deltas of the
slices add up to them. Counters of a slice have 32 bits, so a slice also ends after a gigabyte.

References: sequence numbers, RFC 9293 §3.4; states, RFC 9293 §3.3.2.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.hashing import mix
from sensor.decode.kernels.jit import kernel, step
from sensor.decode.layout import GAPS, MINUTE, SECOND, TCP, Records, Table, i64

FIN = 1
SYN = 2
RST = 4
ACK = 16

EMBRYONIC = 0
OPEN = 1
CLOSED = 2

# FLOW.known, of each side
SEEN = 1
"""Any packet of the side was seen."""
FROM_SEGMENT = 2
"""Its first sequence number is known from a segment or acknowledgement …"""
FROM_SYN = 4
"""… or from its SYN."""
FINISHED = 8
"""Its FIN was seen; `next` is then the sequence number of the FIN."""

# FLOW.flags and SLICE.flags
WAS_RESET = 1
ENDED = 2
ONE_SIDED = 4
EVICTED = 8
ASKED = 16
"""The slice begins with a later request of its connection."""

TCP_IDLE = 300 * SECOND
UDP_IDLE = 60 * SECOND
SHORT_IDLE = 5 * SECOND
#: Of a connection whose SYN was sent again: systems wait up to 32 s before the next time.
RETRY_IDLE = 35 * SECOND

#: How far a base guessed from the first segment may move down for late segments.
_REORDER = 1 << 16
#: Acknowledgements that jump further are ignored (maximum window, RFC 7323 §2.2).
_MAX_WINDOW = 1 << 30
#: Maximum plausible distance of a sequence number from the last ones of its connection.
_PLAUSIBLE = 1 << 24
#: A slice ends when a byte counter exceeds this; one packet adds at most as much again.
_MOST_BYTES = 1 << 30
#: Limits of these counters.
_INT32, _UINT32 = (1 << 31) - 1, (1 << 32) - 1
#: Rows examined to find one to evict.
_EVICTION_CANDIDATES = 64

_WORD = 0xFFFFFFFF


@kernel
def distance(a: int, b: int) -> int:
    """How far sequence number `a` is ahead of `b`, modulo 2^32: negative if behind."""
    ahead = (a - b) & _WORD
    return ahead - (1 << 32) if ahead & 0x80000000 else ahead


@kernel
def _tag(address: Records, low_port: int, high_port: int, protocol: int, realm: int, seed: np.uint64) -> int:
    """31 bits of the keyed hash of a connection's endpoints."""
    lower = mix(mix(seed ^ np.uint64(realm), address[0]), address[1])
    ports = np.uint64(low_port << 32 | high_port << 16 | protocol)
    upper = mix(mix(mix(~seed, ports), address[2]), address[3])
    return i64(mix(lower, upper) >> np.uint64(33))


@kernel
def _realm_hash(realm: int) -> int:
    """32 bits for a realm, 0 for none."""
    return 0 if realm == 0 else i64(mix(np.uint64(0), np.uint64(realm)) >> np.uint64(32))


@step
def canonicalise(packet: Records, control: Records) -> None:
    """Order the endpoints, so that both directions have the same key and index tag."""
    source, target = packet["source"], packet["target"]
    later = source[0] > target[0]
    if source[0] == target[0]:
        later = source[1] > target[1]
        if source[1] == target[1]:
            later = packet["source_port"] > packet["target_port"]
    side = 1 if later else 0
    packet["side"] = side
    key, port = packet["key"], packet["key_port"]
    key[2 * side], key[2 * side + 1] = source[0], source[1]
    key[2 - 2 * side], key[3 - 2 * side] = target[0], target[1]
    port[side], port[1 - side] = packet["source_port"], packet["target_port"]
    realm = _realm_hash(packet["realm"])
    packet["realm_hash"] = realm
    packet["tag"] = _tag(key, port[0], port[1], packet["protocol"], realm, control["seed"])


@kernel
def _matches(flow: Records, packet: Records) -> bool:
    key, address = packet["key"], flow["address"]
    return (
        key[1] == address[1]
        and key[3] == address[3]
        and key[0] == address[0]
        and key[2] == address[2]
        and packet["key_port"][0] == flow["port"][0]
        and packet["key_port"][1] == flow["port"][1]
        and packet["protocol"] == flow["protocol"]
        and packet["realm_hash"] == flow["realm"]
    )


@step
def find(index: Records, flows: Records, packet: Records, tag: int) -> int:
    """The row of the packet's connection, or -1."""
    mask = index.size - 1
    at = tag & mask
    while index[at] != 0:
        if index[at] >> 32 == tag:
            row = (index[at] & _WORD) - 1
            if _matches(flows[row], packet):
                return row
        at = (at + 1) & mask
    return -1


@kernel
def _insert(index: Records, tag: int, row: int) -> None:
    mask = index.size - 1
    at = tag & mask
    while index[at] != 0:
        at = (at + 1) & mask
    index[at] = tag << 32 | (row + 1)


@kernel
def _remove(index: Records, tag: int, row: int) -> None:
    """Remove a row and close the hole by moving later entries up (no tombstones)."""
    mask = index.size - 1
    hole = tag & mask
    while index[hole] != (tag << 32 | (row + 1)):
        if index[hole] == 0:
            return
        hole = (hole + 1) & mask
    at = (hole + 1) & mask
    while index[at] != 0:
        home = (index[at] >> 32) & mask
        if (at - home) & mask >= (at - hole) & mask:
            index[hole] = index[at]
            hole = at
        at = (at + 1) & mask
    index[hole] = 0


@kernel
def client_by_port(flow: Records) -> int:
    """The client (as FLOW.client) by port: the side with the higher port; 0 if both are equal."""
    lower, upper = i64(flow["port"][0]), i64(flow["port"][1])
    return 0 if lower == upper else 1 if lower > upper else 2


@kernel
def idle_limit(flow: Records) -> int:
    """Idle timeout of the connection, in microseconds."""
    if flow["protocol"] != TCP:
        return UDP_IDLE
    retried = flow["state"] == EMBRYONIC and flow["packets"][0] + flow["packets"][1] > 1
    return TCP_IDLE if flow["state"] == OPEN else RETRY_IDLE if retried else SHORT_IDLE


@kernel
def is_based(flow: Records, side: int) -> bool:
    """True if the first sequence number of a side, and so `next`, is known."""
    return flow["known"][side] & (FROM_SEGMENT | FROM_SYN) != 0


@kernel
def _base(flow: Records, cold: Records, side: int) -> int:
    """The first sequence number of the payload of a side."""
    return (flow["highest_ack"][side] - flow["acked"][side] - cold["total"][side]) & _WORD


@kernel
def _write_bytes(flow: Records, cold: Records, side: int, out: Records) -> None:
    """Write the new and the lost payload bytes of a side to a slice, and reset the counters.

    The counter that lags behind (of a direction that is not seen) saturates: no segment arrives that late.
    """
    covered, acked = i64(flow["covered"][side]), i64(flow["acked"][side])
    fresh = max(0, covered, acked)
    lost = max(0, acked - covered - cold["lost"][side])
    out["bytes"][side], out["lost"][side] = fresh, lost
    out["total"][side] = cold["total"][side] + fresh
    behind = max(0, fresh - covered - _INT32)
    cold["total"][side], cold["lost"][side] = out["total"][side], cold["lost"][side] + lost - behind
    flow["covered"][side], flow["acked"][side] = covered - fresh + behind, max(acked - fresh, -_INT32)


@kernel
def _emit_slice(flow: Records, cold: Records, slices: Records, control: Records, flags: int) -> None:
    """Write the current slice and begin the next one."""
    out = slices[control["slices"]]
    control["slices"] += 1
    out["serial"], out["start"] = cold["serial"], cold["start"]
    out["first"] = flow["last"] - ((flow["last"] - flow["slice_first"]) & _WORD)
    out["last"], out["number"] = flow["last"], cold["slice"]
    out["protocol"], out["client"], out["tunnel"] = flow["protocol"], flow["client"], cold["tunnel"]
    out["status"], out["events"], out["turns"] = flow["status"], flow["events"], flow["turns"]
    out["flags"] = i64(flow["flags"]) | flags
    for i in range(4):
        out["address"][i] = flow["address"][i]
    for side in range(2):
        _write_bytes(flow, cold, side, out)
        out["wire"][side], out["packets"][side] = flow["wire"][side], flow["packets"][side]
        out["mac"][side] = i64(cold["mac_high"][side]) << 32 | i64(cold["mac_low"][side])
        out["port"][side] = flow["port"][side]
        flow["wire"][side], flow["packets"][side] = 0, 0


@kernel
def end(row: int, why: int, table: Table, slices: Records, control: Records) -> None:
    """Close a connection: write its last slice and free its row."""
    flow, cold = table.flows[row], table.colds[row]
    one_sided = flow["known"][0] & flow["known"][1] & SEEN == 0
    _emit_slice(flow, cold, slices, control, why | ENDED | (ONE_SIDED if one_sided else 0))
    low_port, high_port = i64(flow["port"][0]), i64(flow["port"][1])
    protocol, realm = i64(flow["protocol"]), i64(flow["realm"])
    tag = _tag(flow["address"], low_port, high_port, protocol, realm, control["seed"])
    _remove(table.index, tag, row)
    flow["protocol"] = 0
    for side in range(2):
        _forget_gaps(flow, side, table.missing, control)
    table.free[control["free"]] = row
    control["free"] += 1
    control["live"] -= 1


@kernel
def eviction_candidate(table: Table, control: Records) -> int:
    """The row to evict: embryonic, then closed, unnamed, named connections; the longest idle of each
    first."""
    flows, best, best_class, best_last = table.flows, -1, 9, i64(0)
    for _ in range(_EVICTION_CANDIDATES):
        row = i64(control["clock_hand"])
        control["clock_hand"] = (row + 1) % flows.size
        flow = flows[row]
        if flow["protocol"] == 0:
            continue
        if flow["protocol"] == TCP and flow["state"] != OPEN:
            rank = 0 if flow["state"] == EMBRYONIC else 1
        else:
            rank = 2 if flow["events"] == 0 else 3
        if rank < best_class or (rank == best_class and flow["last"] < best_last):
            best, best_class, best_last = row, rank, i64(flow["last"])
    return best


@kernel
def begin(packet: Records, tag: int, table: Table, control: Records) -> int:
    """Begin a connection in a free row; the caller ensures that there is one."""
    control["free"] -= 1
    row = i64(table.free[control["free"]])
    control["rows_used"] = max(i64(control["rows_used"]), row + 1)
    control["live"] += 1
    control["serial"] += 1
    _insert(table.index, tag, row)
    flow, cold = table.flows[row], table.colds[row]
    now = i64(packet["time"])
    for i in range(4):
        flow["address"][i] = packet["key"][i]
    flow["last"], flow["slice_end"] = now, (now + MINUTE) & _WORD
    flow["protocol"], flow["client"], flow["flags"] = packet["protocol"], 0, 0
    flow["state"] = EMBRYONIC if packet["flags"] & (SYN | ACK) == SYN else OPEN
    flow["realm"], cold["tunnel"] = packet["realm_hash"], packet["tunnel"]
    cold["serial"], cold["start"] = control["serial"], now
    cold["slice"], flow["slice_first"] = 0, now & _WORD
    flow["events"], flow["status"], flow["asked"] = 0, 0, 0
    flow["turn"], flow["turns"] = -1, 0
    for side in range(2):
        flow["port"][side] = packet["key_port"][side]
        flow["covered"][side], flow["acked"][side], flow["wire"][side] = 0, 0, 0
        flow["packets"][side], flow["next"][side], flow["highest_ack"][side] = 0, 0, 0
        flow["known"][side], flow["probed"][side] = 0, 0
        flow["gaps"][side], flow["stream"][side] = -1, -1
        cold["total"][side], cold["lost"][side] = 0, 0
        cold["mac_low"][side], cold["mac_high"][side] = 0, 0
    return row


@step
def _is_far(number: int, flow: Records, side: int) -> bool:
    """True if a sequence number is far from what `side` has sent and what the other side acknowledged."""
    from_sent = abs(distance(number, i64(flow["next"][side])))
    return from_sent > _PLAUSIBLE and abs(distance(number, i64(flow["highest_ack"][side]))) > _PLAUSIBLE


@step
def _is_foreign(flow: Records, packet: Records, side: int) -> bool:
    """True if neither the sequence nor the acknowledgement number of a segment continues the connection.

    Then its ports were reused and the handshake was not seen. Without this check, the distance between the
    initial sequence numbers of both connections would count as an upload of up to a gigabyte.
    """
    if packet["flags"] & (ACK | RST) != ACK or not is_based(flow, 0) or not is_based(flow, 1):
        return False
    return _is_far(packet["seq"], flow, side) and _is_far(packet["ack"], flow, 1 - side)


@kernel
def is_over(flow: Records, cold: Records, packet: Records) -> bool:
    """True if the packet belongs to a new connection: the old one was idle, or its ports were reused."""
    if packet["time"] - flow["last"] > idle_limit(flow):
        return True
    if flow["protocol"] != TCP:
        return False
    side = i64(packet["side"])
    if packet["flags"] & (SYN | RST) != SYN:
        return _is_foreign(flow, packet, side)
    base = _base(flow, cold, side)
    if flow["known"][side] & FROM_SYN:
        # A second SYN-ACK to the same SYN (two servers behind one address) is not a new connection.
        again = packet["flags"] & ACK and packet["ack"] == _base(flow, cold, 1 - side)
        return bool((packet["seq"] + 1) & _WORD != base and not again)
    if not is_based(flow, side):
        return flow["state"] == CLOSED
    # The SYN was not seen before. One slightly below the base is only late, because mirror ports reorder.
    behind = distance(base, packet["seq"] + 1)
    return behind < 0 or behind > _REORDER


@step
def is_slice_over(flow: Records, now: int) -> bool:
    """True if `now` is after the slice (by less than 35 minutes, because idle connections end sooner)."""
    return distance(now & _WORD, i64(flow["slice_end"])) >= 0


@kernel
def roll(flow: Records, cold: Records, now: int, slices: Records, control: Records) -> None:
    """Close the slice, and begin the one that contains `now`."""
    _emit_slice(flow, cold, slices, control, 0)
    minute = (now - i64(cold["start"])) // MINUTE
    cold["slice"], flow["slice_first"] = max(minute, cold["slice"] + 1), now & _WORD
    flow["slice_end"] = (cold["start"] + (minute + 1) * MINUTE) & _WORD
    flow["flags"] &= WAS_RESET


@kernel
def start_request(flow: Records, cold: Records, now: int, slices: Records, control: Records) -> None:
    """Begin a slice for a later request of the connection; both sides are examined again."""
    if flow["packets"][0] > 0 or flow["packets"][1] > 0:
        roll(flow, cold, now, slices, control)
    flow["flags"] |= ASKED
    flow["status"], flow["probed"][0], flow["probed"][1] = 0, 0, 0


@kernel
def _forget_gaps(flow: Records, side: int, missing: Records, control: Records) -> None:
    """Free the row of gaps of a side."""
    row = i64(flow["gaps"][side])
    if row >= 0:
        missing[row]["next"], control["free_gaps"] = control["free_gaps"], row
        flow["gaps"][side] = -1


@kernel
def _remember_gap(
    flow: Records, side: int, first: int, last: int, missing: Records, control: Records
) -> None:
    row = i64(flow["gaps"][side])
    if row < 0:
        row = i64(control["free_gaps"])
        if row < 0:
            return
        control["free_gaps"] = missing[row]["next"]
        missing[row]["count"] = 0
        flow["gaps"][side] = row
    gaps = missing[row]
    count = i64(gaps["count"])
    if count < GAPS:
        gaps["first"][count], gaps["last"][count] = first & _WORD, last & _WORD
        gaps["count"] = count + 1


@kernel
def is_missing(flow: Records, side: int, number: int, missing: Records) -> bool:
    """True if a sequence number of a side lies in a gap."""
    row = i64(flow["gaps"][side])
    if row < 0:
        return False
    gaps = missing[row]
    for k in range(i64(gaps["count"])):
        behind, before = distance(number, i64(gaps["first"][k])), distance(i64(gaps["last"][k]), number)
        if behind >= 0 and before > 0:
            return True
    return False


@kernel
def _fill_gaps(flow: Records, side: int, first: int, last: int, missing: Records, control: Records) -> int:
    """Remove [first, last) from the gaps; returns how many bytes of it were missing."""
    row = i64(flow["gaps"][side])
    if row < 0:
        return 0
    gaps, filled = missing[row], i64(0)
    for k in range(i64(gaps["count"]) - 1, -1, -1):
        gap_from, gap_to = i64(gaps["first"][k]), i64(gaps["last"][k])
        left = gap_from if distance(gap_from, first) > 0 else first
        right = gap_to if distance(last, gap_to) > 0 else last
        size = distance(right, left)
        if size <= 0:
            continue
        filled += size
        final = i64(gaps["count"]) - 1
        gaps["first"][k], gaps["last"][k] = gaps["first"][final], gaps["last"][final]
        gaps["count"] = final
        if left != gap_from:
            _remember_gap(flow, side, gap_from, left, missing, control)
        if right != gap_to:
            _remember_gap(flow, side, right, gap_to, missing, control)
    if gaps["count"] == 0:
        _forget_gaps(flow, side, missing, control)
    return filled


@kernel
def _set_base(flow: Records, side: int, seq: int, how: int) -> None:
    flow["next"][side], flow["highest_ack"][side] = seq, seq
    flow["known"][side] |= how


@kernel
def _lower_base(flow: Records, cold: Records, side: int, to: int, missing: Records, control: Records) -> None:
    """Move a guessed base down to sequence number `to` if that is within reordering."""
    base = _base(flow, cold, side)
    below, covered = distance(base, to), cold["total"][side] + flow["covered"][side]
    if flow["known"][side] & FROM_SYN or below <= 0 or below > _REORDER or covered > _REORDER:
        return
    if covered == 0 and flow["known"][side] & FINISHED == 0:
        flow["next"][side] = to  # only acknowledgements told more
    else:
        _remember_gap(flow, side, to, base, missing, control)
    flow["acked"][side] = min(flow["acked"][side] + below, _INT32)


@kernel
def _cover(
    flow: Records, cold: Records, side: int, seq: int, size: int, missing: Records, control: Records
) -> None:
    """Count the new bytes of [seq, seq + size)."""
    if not is_based(flow, side):
        _set_base(flow, side, seq, FROM_SEGMENT)
    after = (seq + size) & _WORD
    ahead = distance(seq, i64(flow["next"][side]))
    if ahead >= 0:
        if ahead > 0:
            _remember_gap(flow, side, i64(flow["next"][side]), seq, missing, control)
        flow["covered"][side] = min(flow["covered"][side] + size, _INT32)
        flow["next"][side] = after
        return
    _lower_base(flow, cold, side, seq, missing, control)
    beyond = max(0, distance(after, i64(flow["next"][side])))
    fresh = beyond + _fill_gaps(flow, side, seq, after, missing, control)
    flow["covered"][side] = min(flow["covered"][side] + fresh, _INT32)
    if beyond > 0:
        flow["next"][side] = after


@kernel
def _acknowledge(flow: Records, side: int, ack: int) -> None:
    """Process an acknowledgement of all bytes of `side` below `ack`."""
    if flow["known"][side] & FINISHED and distance(ack, i64(flow["next"][side])) > 0:
        ack = i64(flow["next"][side])  # a FIN takes a sequence number but is not a byte
    if not is_based(flow, side):
        _set_base(flow, side, ack, FROM_SEGMENT)
        return
    progress = distance(ack, i64(flow["highest_ack"][side]))
    if 0 < progress < _MAX_WINDOW:
        flow["acked"][side] = min(flow["acked"][side] + progress, _INT32)
        flow["highest_ack"][side] = ack


@kernel
def _finish(flow: Records, side: int, fin: int, missing: Records, control: Records) -> None:
    """Process a FIN with sequence number `fin`; missing bytes before it may still arrive."""
    if not is_based(flow, side):
        _set_base(flow, side, fin, FROM_SEGMENT)
    if distance(fin, i64(flow["next"][side])) > 0:
        _remember_gap(flow, side, i64(flow["next"][side]), fin, missing, control)
        flow["next"][side] = fin
    flow["known"][side] |= FINISHED
    if distance(i64(flow["highest_ack"][side]), fin) == 1:
        flow["acked"][side] -= 1  # its acknowledgement came first
        flow["highest_ack"][side] = fin
    if flow["known"][1 - side] & FINISHED:
        flow["state"] = CLOSED


@step
def _account_tcp(
    flow: Records, cold: Records, packet: Records, side: int, missing: Records, control: Records
) -> None:
    flags, seq, size = packet["flags"], packet["seq"], packet["payload_bytes"]
    if flags & SYN:
        seq = (seq + 1) & _WORD
        if is_based(flow, side):
            _lower_base(flow, cold, side, seq, missing, control)
            flow["known"][side] |= FROM_SYN
        else:
            _set_base(flow, side, seq, FROM_SYN)
        flow["client"] = 2 - side if flags & ACK else 1 + side
    if size > 0 and not flags & RST:  # the text in a reset tells its cause (RFC 1122 §4.2.2.12)
        _cover(flow, cold, side, seq, size, missing, control)
    if flags & FIN:
        _finish(flow, side, (seq + size) & _WORD, missing, control)
    if flags & RST:
        flow["state"] = CLOSED
        flow["flags"] |= WAS_RESET
    elif flags & ACK:
        _acknowledge(flow, 1 - side, packet["ack"])
    if flow["state"] == EMBRYONIC and (flags & ACK or flow["known"][1 - side] & SEEN):
        flow["state"] = OPEN


@step
def account(flow: Records, cold: Records, packet: Records, missing: Records, control: Records) -> None:
    """Add a packet to its connection's counters."""
    side = i64(packet["side"])
    flow["last"] = packet["time"]
    flow["wire"][side] = min(flow["wire"][side] + packet["length"], _UINT32)
    flow["packets"][side] += packet["frames"]
    if flow["known"][side] & SEEN == 0:
        flow["known"][side] |= SEEN
        mac = packet["source_mac"]
        cold["mac_low"][side], cold["mac_high"][side] = mac & _WORD, mac >> 32
    if packet["protocol"] == TCP:
        _account_tcp(flow, cold, packet, side, missing, control)
    else:
        flow["covered"][side] = min(flow["covered"][side] + packet["payload_bytes"], _INT32)
    if flow["wire"][side] > _MOST_BYTES or flow["acked"][1 - side] > _MOST_BYTES:
        flow["slice_end"] = packet["time"] & _WORD
