"""Converts pcap and pcapng records to descriptors, the input of all later kernels.

References: pcap, draft-ietf-opsawg-pcap; pcapng, draft-ietf-opsawg-pcapng. A container is parsed from a
buffer that is refilled; no offset into it is kept beyond one call.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from sensor.decode.capture.formats import (
    ENHANCED_PACKET,
    INTERFACE,
    MAX_FRAME,
    OLD_PACKET,
    PCAP,
    PCAP_HEADER,
    PCAP_MAGIC,
    SIMPLE_PACKET,
    STATISTICS,
    recognise,
    record_bytes,
)
from sensor.decode.dissection.rare_links import PKTAP
from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import be16, be32, le16, le32
from sensor.decode.layout import Bytes, Records, i64, records

#: State of a capture file: its header, or the interfaces of a pcapng section.
INTERFACES = 4096
CONTAINER = np.dtype(
    [
        ("kind", np.int64),  # PCAP or PCAPNG
        ("big_endian", np.int64),
        ("record", np.int64),  # bytes of a pcap record's header
        ("skip", np.int64),  # bytes left to skip of a block that is not needed
        ("time", np.int64),  # of the last packet, for packets without one
        ("drops", np.int64),  # packets dropped, summed over interfaces
        ("interfaces", np.int64),
        ("link", np.int32, (INTERFACES,)),
        ("snap", np.int64, (INTERFACES,)),
        ("resolution", np.int64, (INTERFACES,)),  # as in if_tsresol: 10^-n, or 2^-n with bit 7
        ("shift", np.int64, (INTERFACES,)),  # if_tsoffset, seconds
        ("dropped", np.int64, (INTERFACES,)),  # latest statistics block
    ]
)

#: Descriptors per call.
DESCRIPTORS = 4096

# Reasons why `describe` stops.
MORE = 0
"""The buffer holds only part of the next record."""
FULL = 1
"""The descriptors are used up."""
CORRUPT = 2
"""The next record contradicts itself, or is none: another file may begin there."""

#: Times are clamped to this one, the year 2200, so that wrong units or damage fit in every table.
_LATEST = 7_258_118_400_000_000

_SECTION = 0x0A0D0D0A
_BYTE_ORDER = 0x1A2B3C4D
#: Maximum original length in a pcap record.
_LONGEST = 1 << 26
#: Link type of macOS for PKTAP, USER2 elsewhere; and the size that its header begins with.
_PKTAP_OF_MACOS, _PKTAP_BYTES = 149, 108
#: Magic numbers of pcap files.
_MAGIC = tuple(int.from_bytes(magic, "big") for magic in PCAP_MAGIC)


def new_container(head: bytes) -> tuple[Records, int]:
    """The state for a file that begins with `head`, and the offset of its first record."""
    container = records(CONTAINER, 1)
    state = container[0]
    state["kind"] = recognise(head)
    if state["kind"] != PCAP:
        return container, 0
    pcap = PCAP_MAGIC[head[:4]]
    order: Literal["big", "little"] = "big" if pcap.big_endian else "little"
    state["big_endian"], state["record"] = pcap.big_endian, record_bytes(head)
    state["interfaces"] = 1
    # The upper bits of the field are the length of the frame check sequence (FCS).
    state["link"][0] = int.from_bytes(head[20:24], order, signed=False) & 0xFFFF
    state["resolution"][0] = pcap.digits
    return container, PCAP_HEADER


@kernel
def _int32(data: Bytes, at: int, end: int, big_endian: int) -> int:
    return be32(data, at, end) if big_endian else le32(data, at, end)


@kernel
def _int16(data: Bytes, at: int, end: int, big_endian: int) -> int:
    return be16(data, at, end) if big_endian else le16(data, at, end)


@kernel
def _microseconds(high: int, low: int, resolution: int) -> int:
    """A 64-bit pcapng timestamp in microseconds; `resolution` as in if_tsresol."""
    if resolution & 0x80:
        bits = resolution & 0x7F
        whole = high << 32 | low
        if bits > 62:
            return 0
        fraction = whole & ((1 << bits) - 1)
        kept = min(bits, 40)
        return (whole >> bits) * 1_000_000 + ((fraction >> (bits - kept)) * 1_000_000 >> kept)
    value = high << 32 | low
    for _ in range(resolution, 6):
        value = value * 10
    for _ in range(6, resolution):
        value = value // 10
    return value


@kernel
def _link_of(data: Bytes, at: int, end: int, link: int) -> int:
    """The link type of a frame, of which macOS announces another one than others do."""
    return PKTAP if link == _PKTAP_OF_MACOS and le32(data, at, end) == _PKTAP_BYTES else link


@kernel
def _describe(
    out: Records, time: int, record: int, offset: int, captured: int, length: int, link: int, port: int
) -> None:
    """Write a descriptor."""
    out["time"], out["record"], out["offset"] = min(max(time, 0), _LATEST), record, offset
    out["captured"], out["length"] = captured, max(length, captured)
    out["link"], out["interface"] = link, port


@kernel
def _describe_pcap(data: Bytes, at: int, end: int, state: Records, made: Records) -> tuple[int, int, int]:
    big = state["big_endian"]
    header = i64(state["record"])
    scale = 1000 if state["resolution"][0] == 9 else 1
    n = 0
    while n < made.size:
        captured = _int32(data, at + 8, end, big)
        length = _int32(data, at + 12, end, big)
        if length < 0:
            return n, at, MORE
        # Misaligned reads of valid records also yield plausible lengths, thousands in a row, but none this
        # long.
        if captured > MAX_FRAME or length > _LONGEST:
            return n, at, CORRUPT
        # A hole in a file looks like an empty packet of 1970, and a second file header like an empty packet.
        first = be32(data, at, end)
        if captured | length == 0 and (first == 0 or first in _MAGIC):
            return n, at, CORRUPT
        if at + header + captured > end:
            return n, at, MORE
        fraction = _int32(data, at + 4, end, big) // scale
        time = _int32(data, at, end, big) * 1_000_000 + fraction
        link = _link_of(data, at + header, at + header + captured, i64(state["link"][0]))
        _describe(made[n], time, at, at + header, captured, length, link, 0)
        n += 1
        at += header + captured
    return n, at, FULL


@kernel
def _read_interface(data: Bytes, at: int, end: int, state: Records) -> None:
    """An Interface Description Block: link type, snap length, time resolution and offset."""
    i = i64(state["interfaces"])
    state["interfaces"] = i + 1
    if i >= INTERFACES:
        return
    big = state["big_endian"]
    state["link"][i] = _int16(data, at + 8, end, big)
    state["snap"][i] = _int32(data, at + 12, end, big)
    state["resolution"][i] = 6
    state["shift"][i] = 0
    state["dropped"][i] = 0
    option = at + 16
    while option + 4 <= end - 4:
        code = _int16(data, option, end, big)
        size = _int16(data, option + 2, end, big)
        if code == 0 or option + 4 + size > end:
            return
        if code == 9 and size == 1:
            state["resolution"][i] = data[option + 4]
        elif code == 14 and size == 8:
            low = _int32(data, option + (8 if big else 4), end, big)
            high = _int32(data, option + (4 if big else 8), end, big)
            # The offset is signed; more than 32 bits are no date.
            state["shift"][i] = low - (1 << 32) if high & 0x80000000 else low
        option += 4 + (size + 3) // 4 * 4


@kernel
def _read_statistics(data: Bytes, at: int, end: int, state: Records) -> None:
    """An Interface Statistics Block: isb_ifdrop and isb_osdrop are totals since the start."""
    big = state["big_endian"]
    i = _int32(data, at + 8, end, big)
    if i < 0 or i >= min(INTERFACES, i64(state["interfaces"])):
        return
    total = 0
    option = at + 20
    while option + 4 <= end - 4:
        code = _int16(data, option, end, big)
        size = _int16(data, option + 2, end, big)
        if code == 0 or option + 4 + size > end:
            break
        if (code == 5 or code == 7) and size == 8:
            total += _int32(data, option + (8 if big else 4), end, big)
        option += 4 + (size + 3) // 4 * 4
    if total > state["dropped"][i]:
        state["drops"] += total - state["dropped"][i]
        state["dropped"][i] = total


@kernel
def _read_packet(data: Bytes, at: int, end: int, kind: int, state: Records, made: Records, n: int) -> int:
    """An enhanced, simple or obsolete packet block; the number of descriptors after it, -1 if corrupt."""
    big = state["big_endian"]
    if kind == SIMPLE_PACKET:
        length = _int32(data, at + 8, end, big)
        snap = i64(state["snap"][0])
        captured = min(length, end - at - 16)
        if snap > 0:
            captured = min(captured, snap)
        if captured < 0:
            return -1
        link = i64(state["link"][0]) if state["interfaces"] > 0 else -1
        _describe(made[n], i64(state["time"]), at, at + 12, captured, length, link, 0)
        return n + 1
    port = _int32(data, at + 8, end, big) if kind == ENHANCED_PACKET else _int16(data, at + 8, end, big)
    captured = _int32(data, at + 20, end, big)
    length = _int32(data, at + 24, end, big)
    if length < 0 or captured > MAX_FRAME or at + 28 + captured > end - 4:
        return -1
    known = port < min(INTERFACES, i64(state["interfaces"]))
    i = port if known else 0
    high = _int32(data, at + 12, end, big)
    low = _int32(data, at + 16, end, big)
    resolution = i64(state["resolution"][i]) if known else 6
    time = _microseconds(high, low, resolution)
    if known:
        time += i64(state["shift"][i]) * 1_000_000
    state["time"] = time
    link = _link_of(data, at + 28, at + 28 + captured, i64(state["link"][i]) if known else -1)
    _describe(made[n], time, at, at + 28, captured, length, link, port)
    return n + 1


@kernel
def _describe_pcapng(data: Bytes, at: int, end: int, state: Records, made: Records) -> tuple[int, int, int]:
    n = 0
    while n < made.size:
        passed = min(i64(state["skip"]), end - at)
        state["skip"] -= passed
        at += passed
        if at + 12 > end:
            return n, at, MORE
        if be32(data, at, end) == _SECTION:
            if be32(data, at + 8, end) == _BYTE_ORDER:
                state["big_endian"] = 1
            elif le32(data, at + 8, end) == _BYTE_ORDER:
                state["big_endian"] = 0
            else:
                return n, at, CORRUPT
            state["interfaces"] = 0
        kind = _int32(data, at, end, state["big_endian"])
        size = _int32(data, at + 4, end, state["big_endian"])
        if size < 12 or size & 3:
            return n, at, CORRUPT
        packet = kind in (ENHANCED_PACKET, SIMPLE_PACKET, OLD_PACKET)
        if not (packet or kind in (INTERFACE, STATISTICS)):
            if be32(data, at, end) in _MAGIC:
                return n, at, CORRUPT
            state["skip"] = size
            continue
        if size > MAX_FRAME + 65536:
            return n, at, CORRUPT
        if at + size > end:
            return n, at, MORE
        if kind == INTERFACE:
            _read_interface(data, at, at + size, state)
        elif kind == STATISTICS:
            _read_statistics(data, at, at + size, state)
        else:
            after = _read_packet(data, at, at + size, kind, state, made, n)
            if after < 0:
                return n, at, CORRUPT
            n = after
        at += size
    return n, at, FULL


@entry
def describe(data: Bytes, at: int, end: int, container: Records, made: Records) -> tuple[int, int, int]:
    """Describe the records in data[at:end]; returns their number, the next offset and the stop reason."""
    state = container[0]
    if state["kind"] == PCAP:
        return _describe_pcap(data, at, end, state, made)
    return _describe_pcapng(data, at, end, state, made)
