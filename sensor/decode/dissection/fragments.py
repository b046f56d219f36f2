"""Assigns IP fragments to connections by the ports in the first fragment of their datagram.

A small 8-way associative table keeps each datagram for 30 s and evicts the oldest. TCP fragments are handled
as segments with their own sequence numbers; UDP fragments are only counted. Datagrams of up to 8 KB are
reassembled, because they may contain a DNS answer, a QUIC Initial, or a TCP segment whose first fragment came
late. Fragments that arrive before the first one are counted as such, and their bytes are credited when it
arrives.

If the datagram is a tunnel's, its fragments belong to the connection inside. The first one has the length of
the packet inside in its headers, so it alone counts the payload: often a capture filter (a port) lets no
other fragment in. Of a fragment within the first fragment of another datagram, only what is in it is read.

In an overlap the first copy wins: a repeated part is a duplicate, a partial overlap is malformed (RFC 8200
§4.5 and RFC 5722 discard the whole datagram).

References: IPv4, RFC 791 §3.2; IPv6, RFC 8200 §4.5.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.dissection.ip import DECODED, DUPLICATE, FRAGMENT, MALFORMED
from sensor.decode.kernels.hashing import mix
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import copy
from sensor.decode.layout import DATAGRAM_KEY, SECOND, TCP, Bytes, Records, i64

#: A fragmented datagram. Byte ranges seen are recorded while `covered` has room.
RANGES = 8
DATAGRAM = np.dtype(
    [
        ("time", np.int64),  # of its first fragment seen; 0 for a free row
        ("datagram", np.uint64, (DATAGRAM_KEY,)),  # as in PACKET
        # Of its first fragment, as in PACKET.
        ("protocol", np.int64),  # 0 until it is seen
        ("source", np.uint64, (2,)),
        ("target", np.uint64, (2,)),
        ("source_port", np.int64),
        ("target_port", np.int64),
        ("tunnel", np.int64),
        ("realm", np.int64),
        ("seq", np.int64),
        ("payload", np.int64),  # offset of the TCP or UDP payload in the datagram
        ("payload_end", np.int64),  # its end if there is a tunnel, else `_OPEN`
        ("bytes", np.int64),  # seen so far
        ("size", np.int64),  # of the datagram; 0 until the last fragment is seen
        ("early_bytes", np.int64),  # seen before the first fragment
        ("early_wire", np.int64),
        ("early_frames", np.int64),
        ("ranges", np.int64),
        ("covered_from", np.int64, (RANGES,)),
        ("covered_to", np.int64, (RANGES,)),
        ("kept", np.int64),  # contiguous bytes stored, from offset 0
    ]
)

#: Maximum bytes reassembled of a fragmented datagram.
DATAGRAM_BYTES = 8192

#: How long a datagram is kept; hosts wait as long for its fragments (RFC 1122 §3.3.2).
_PATIENCE = 30 * SECOND
_OPEN = 1 << 16
_WAYS = 8
_WORD = 0xFFFFFFFF


@kernel
def _matches(entry: Records, packet: Records, now: int) -> bool:
    for i in range(DATAGRAM_KEY):
        if entry["datagram"][i] != packet["datagram"][i]:
            return False
    return bool(entry["time"] != 0 and now - entry["time"] <= _PATIENCE)


@kernel
def _renew(entry: Records, packet: Records) -> None:
    """Reset `entry` for the datagram of the packet."""
    for i in range(DATAGRAM_KEY):
        entry["datagram"][i] = packet["datagram"][i]
    entry["time"], entry["protocol"] = packet["time"], 0
    entry["bytes"], entry["size"], entry["ranges"], entry["kept"] = 0, 0, 0, 0
    entry["early_bytes"], entry["early_wire"], entry["early_frames"] = 0, 0, 0


@kernel
def _row(packet: Records, table: Records) -> int:
    """The row of the datagram of the packet; a new one replaces the oldest of its set."""
    now, state = i64(packet["time"]), np.uint64(0)
    for i in range(DATAGRAM_KEY):
        state = mix(state, packet["datagram"][i])
    first = i64(state >> np.uint64(32)) % (table.size // _WAYS) * _WAYS
    oldest = first
    for row in range(first, first + _WAYS):
        if _matches(table[row], packet, now):
            return row
        if table[row]["time"] < table[oldest]["time"]:
            oldest = row
    _renew(table[oldest], packet)
    return oldest


@kernel
def _join(entry: Records, begins: int, ends: int) -> None:
    """Add [begins, ends), which overlaps nothing, to the ranges seen; a ninth range is not recorded."""
    kept = 0
    for k in range(entry["ranges"]):
        low, high = i64(entry["covered_from"][k]), i64(entry["covered_to"][k])
        if low == ends or high == begins:
            begins, ends = min(begins, low), max(ends, high)
        else:
            entry["covered_from"][kept], entry["covered_to"][kept] = low, high
            kept += 1
    if kept < RANGES:
        entry["covered_from"][kept], entry["covered_to"][kept] = begins, ends
        kept += 1
    entry["ranges"] = kept


@kernel
def _cover(entry: Records, begins: int, ends: int) -> int:
    """DECODED if [begins, ends) is new (and records it); else DUPLICATE or MALFORMED."""
    if begins == ends or (entry["size"] != 0 and ends > entry["size"]):
        return MALFORMED
    for k in range(entry["ranges"]):
        covered_from, covered_to = i64(entry["covered_from"][k]), i64(entry["covered_to"][k])
        if covered_from <= begins and ends <= covered_to:
            return DUPLICATE
        if begins < covered_to and covered_from < ends:
            return MALFORMED
    _join(entry, begins, ends)
    entry["bytes"] += ends - begins
    return DECODED


@kernel
def _remember(entry: Records, packet: Records) -> None:
    """Store the connection of the first fragment, and credit it with earlier fragments."""
    for i in range(2):
        entry["source"][i], entry["target"][i] = packet["source"][i], packet["target"][i]
    entry["protocol"], entry["tunnel"], entry["realm"] = packet["protocol"], packet["tunnel"], packet["realm"]
    entry["source_port"], entry["target_port"] = packet["source_port"], packet["target_port"]
    entry["seq"], entry["payload"] = packet["seq"], packet["payload"] - packet["fragment_at"]
    entry["payload_end"] = entry["payload"] + packet["payload_bytes"]
    if packet["depth"] == packet["fragment_depth"]:
        entry["payload_end"] = _OPEN
        packet["payload_bytes"] += entry["early_bytes"]
    packet["length"] += entry["early_wire"]
    packet["frames"] += entry["early_frames"]


@kernel
def _wait(entry: Records, packet: Records) -> None:
    """Handle a fragment that arrives before the first one."""
    entry["early_bytes"] += packet["fragment_bytes"]
    entry["early_wire"] += packet["length"]
    entry["early_frames"] += 1


@kernel
def _complete(packet: Records, entry: Records) -> None:
    """Complete a later fragment to a PACKET of its connection."""
    for i in range(2):
        packet["source"][i], packet["target"][i] = entry["source"][i], entry["target"][i]
    packet["protocol"], packet["tunnel"], packet["realm"] = entry["protocol"], entry["tunnel"], entry["realm"]
    packet["source_port"], packet["target_port"] = entry["source_port"], entry["target_port"]
    packet["flags"], at = 0, packet["fragment_at"]
    size = max(0, min(packet["fragment_bytes"], entry["payload_end"] - packet["fragment"]))
    if packet["protocol"] == TCP:
        packet["seq"] = (entry["seq"] + packet["fragment"] - entry["payload"]) & _WORD
        packet["payload"], packet["end"], packet["payload_bytes"] = at, min(packet["end"], at + size), size
    else:
        packet["payload"] = packet["end"]  # no message begins here
        packet["payload_bytes"] = size if entry["payload_end"] == _OPEN else 0


@kernel
def _keep(data: Bytes, packet: Records, entry: Records, bodies: Bytes, reassembled_at: int) -> None:
    """Store the bytes of a fragment if all were captured and there is room."""
    at, begins, size = i64(packet["fragment_at"]), i64(packet["fragment"]), i64(packet["fragment_bytes"])
    if at + size <= packet["end"] and begins + size <= DATAGRAM_BYTES:
        copy(data, at, size, bodies, reassembled_at + begins)
        entry["kept"] += size


@kernel
def _make_whole(packet: Records, entry: Records, reassembled_at: int) -> None:
    """Record in the completing packet where the reassembled payload is; for TCP, make it the packet's."""
    size = min(entry["size"], entry["payload_end"]) - entry["payload"]
    if size <= 0 or (packet["protocol"] == TCP and entry["early_frames"] == 0):
        return
    at = reassembled_at + i64(entry["payload"])
    packet["reassembled"], packet["reassembled_at"] = size, at
    if packet["protocol"] == TCP:
        packet["seq"], packet["payload_bytes"] = entry["seq"], size
        packet["payload"], packet["end"] = at, at + size


@kernel
def assign(data: Bytes, packet: Records, table: Records, bodies: Bytes) -> int:
    """Assign a fragment to its connection: DECODED, or the reason why not.

    If it completes a datagram, `packet["reassembled"]` bytes of payload are at
    bodies[packet["reassembled_at"]:].
    """
    row = _row(packet, table)
    entry = table[row]
    begins = i64(packet["fragment"])
    if begins == 0 and entry["protocol"] != 0:
        _renew(entry, packet)  # the identification is reused
    status = _cover(entry, begins, begins + i64(packet["fragment_bytes"]))
    if status != DECODED:
        return status
    _keep(data, packet, entry, bodies, row * DATAGRAM_BYTES)
    if packet["more"] == 0:
        entry["size"] = begins + packet["fragment_bytes"]
    if begins == 0:
        _remember(entry, packet)
    elif entry["protocol"] == 0:
        _wait(entry, packet)
        return FRAGMENT
    else:
        _complete(packet, entry)
    if entry["size"] != 0 and entry["ranges"] == 1 and entry["bytes"] == entry["size"]:
        entry["time"] = 0
        if entry["covered_from"][0] == 0 and entry["kept"] == entry["size"]:
            _make_whole(packet, entry, row * DATAGRAM_BYTES)
    return DECODED
