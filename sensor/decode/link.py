"""Frames taken apart: link layer, VLAN tags, IP with its extension headers, TCP and UDP.

A frame ends as a PACKET (status DECODED) or as one of the counted reasons: packets read = decoded +
reasons, always. Lengths are the original ones of the IP header, never the captured ones; a header that
lies beyond the captured bytes is TRUNCATED if the capture had cut the frame, else MALFORMED.
"""

from __future__ import annotations

import numpy as np

from sensor.decode.jit import kernel
from sensor.decode.layout import TCP, UDP, Bytes, Records, i64
from sensor.decode.read import be16, be32, u8

DECODED = 0
NON_IP = 1
OTHER_TRANSPORT = 2
UNDECODED_LINK = 3
MALFORMED = 4
TRUNCATED = 5
FRAGMENT = 6

# Link types, tcpdump.org/linktypes.html
LINK_NULL = 0
LINK_ETHERNET = 1
LINK_RAW_BSD = 12
LINK_RAW_OPENBSD = 14
LINK_RAW = 101
LINK_LOOP = 108
LINK_SLL = 113
LINK_IPV4 = 228
LINK_IPV6 = 229
LINK_SLL2 = 276

_IPV4 = 0x0800
_IPV6 = 0x86DD
_BY_NIBBLE = -2
_UNKNOWN_LINK = -3

#: IPv6 headers a packet may chain before it is taken for an attack.
_MAX_EXTENSIONS = 8


@kernel
def _mac(data: Bytes, at: int, end: int) -> int:
    high, low = be16(data, at, end), be32(data, at + 2, end)
    return high << 32 | low if high >= 0 and low >= 0 else 0


@kernel
def _ethertype(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The ethertype behind any depth of 802.1Q and 802.1ad tags, and the offset of what follows it."""
    kind = be16(data, at, end)
    at += 2
    while kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
        kind = be16(data, at + 2, end)
        at += 4
    return kind, at


@kernel
def _network(data: Bytes, at: int, end: int, link: int, packet: Records) -> tuple[int, int]:
    """The ethertype and the offset of the network header; -1 if cut, _UNKNOWN_LINK if not ours."""
    if link == LINK_ETHERNET:
        packet["source_mac"] = _mac(data, at + 6, end)
        return _ethertype(data, at + 12, end)
    if link in (LINK_RAW, LINK_RAW_BSD, LINK_RAW_OPENBSD):
        return _BY_NIBBLE, at
    if link == LINK_IPV4:
        return _IPV4, at
    if link == LINK_IPV6:
        return _IPV6, at
    if link in (LINK_NULL, LINK_LOOP):
        return _BY_NIBBLE, at + 4
    if link == LINK_SLL:
        packet["source_mac"] = _mac(data, at + 6, end)
        return _ethertype(data, at + 14, end)
    if link == LINK_SLL2:
        packet["source_mac"] = _mac(data, at + 12, end)
        kind = be16(data, at, end)
        return kind, at + 20
    return _UNKNOWN_LINK, at


@kernel
def _half(data: Bytes, at: int, end: int) -> np.uint64:
    return np.uint64(be32(data, at, end)) << np.uint64(32) | np.uint64(be32(data, at + 4, end))


@kernel
def _ipv4(data: Bytes, at: int, end: int, length: int, packet: Records) -> tuple[int, int, int, int]:
    """Status, protocol, transport offset and end of the datagram as sent (not as captured)."""
    if at + 20 > end:
        return TRUNCATED, 0, 0, 0
    first = u8(data, at, end)
    header = (first & 15) * 4
    total = be16(data, at + 2, end)
    if total == 0:
        total = length  # segmentation offload: the frame is longer than the field can say
    if first >> 4 != 4 or header < 20 or total < header:
        return MALFORMED, 0, 0, 0
    packet["identification"] = be16(data, at + 4, end)
    for side, field in ((0, 12), (1, 16)):
        address = np.uint64(be32(data, at + field, end)) | np.uint64(0xFFFF00000000)
        name = packet["source"] if side == 0 else packet["target"]
        name[0] = np.uint64(0)
        name[1] = address
    if be16(data, at + 6, end) & 0x1FFF:
        return FRAGMENT, 0, 0, 0
    return DECODED, u8(data, at + 9, end), at + header, at + total


@kernel
def _ipv6(data: Bytes, at: int, end: int, length: int, packet: Records) -> tuple[int, int, int, int]:
    """As `_ipv4`, with extension headers walked (RFC 8200 §4)."""
    if at + 40 > end:
        return TRUNCATED, 0, 0, 0
    if u8(data, at, end) >> 4 != 6:
        return MALFORMED, 0, 0, 0
    size = be16(data, at + 4, end)
    ends = at + 40 + size if size > 0 else at + length
    packet["identification"] = be32(data, at, end) & 0xFFFFF
    packet["source"][0] = _half(data, at + 8, end)
    packet["source"][1] = _half(data, at + 16, end)
    packet["target"][0] = _half(data, at + 24, end)
    packet["target"][1] = _half(data, at + 32, end)
    header = u8(data, at + 6, end)
    at += 40
    for _ in range(_MAX_EXTENSIONS):
        if header == 44:
            if at + 8 > end:
                return TRUNCATED, 0, 0, 0
            if be16(data, at + 2, end) & 0xFFF8:
                return FRAGMENT, 0, 0, 0
            step = 8
        elif header == 0 or header == 43 or header == 60 or header == 135 or header == 139 or header == 140:
            step = (u8(data, at + 1, end) + 1) * 8
        elif header == 51:
            step = (u8(data, at + 1, end) + 2) * 4
        else:
            return DECODED, header, at, ends
        if at + 2 > end:
            return TRUNCATED, 0, 0, 0
        header = u8(data, at, end)
        at += step
        if at > ends:
            return MALFORMED, 0, 0, 0
    return MALFORMED, 0, 0, 0


@kernel
def _tcp(data: Bytes, at: int, end: int, ends: int, packet: Records) -> int:
    if at + 20 > ends:
        return MALFORMED
    if at + 20 > end:
        return TRUNCATED
    header = (u8(data, at + 12, end) >> 4) * 4
    if header < 20 or at + header > ends:
        return MALFORMED
    packet["seq"] = be32(data, at + 4, end)
    packet["ack"] = be32(data, at + 8, end)
    packet["flags"] = u8(data, at + 13, end)
    packet["payload"] = at + header
    packet["payload_bytes"] = ends - at - header
    return DECODED


@kernel
def _udp(data: Bytes, at: int, end: int, ends: int, packet: Records) -> int:
    if at + 8 > ends:
        return MALFORMED
    if at + 8 > end:
        return TRUNCATED
    size = be16(data, at + 4, end)
    if size == 0:
        size = ends - at  # jumbogram, RFC 2675 §4
    if size < 8:
        return MALFORMED
    packet["payload"] = at + 8
    packet["payload_bytes"] = min(size, ends - at) - 8
    return DECODED


@kernel
def _dissect(data: Bytes, at: int, end: int, length: int, link: int, packet: Records) -> int:
    packet["source_mac"] = 0
    kind, network = _network(data, at, end, link, packet)
    if kind == _UNKNOWN_LINK:
        return UNDECODED_LINK
    if kind == _BY_NIBBLE:
        nibble = u8(data, network, end) >> 4
        kind = _IPV4 if nibble == 4 else _IPV6 if nibble == 6 else 0
        if nibble < 0:
            return TRUNCATED
    if kind == -1:
        return TRUNCATED
    rest = length - (network - at)
    if kind == _IPV4:
        status, protocol, transport, ends = _ipv4(data, network, end, rest, packet)
    elif kind == _IPV6:
        status, protocol, transport, ends = _ipv6(data, network, end, rest, packet)
    else:
        return NON_IP
    if status != DECODED:
        return status
    packet["protocol"] = protocol
    packet["transport"] = transport
    packet["end"] = min(end, ends)
    if protocol != TCP and protocol != UDP:
        return OTHER_TRANSPORT
    packet["source_port"] = be16(data, transport, end)
    packet["target_port"] = be16(data, transport + 2, end)
    if protocol == TCP:
        return _tcp(data, transport, end, ends, packet)
    packet["flags"] = 0
    return _udp(data, transport, end, ends, packet)


@kernel
def dissect(data: Bytes, frame: Records, packet: Records) -> int:
    """Take `frame` (a descriptor) apart into `packet`; returns DECODED or the reason it was not."""
    at = i64(frame["offset"])
    captured, length = i64(frame["captured"]), i64(frame["length"])
    packet["length"] = length
    status = _dissect(data, at, at + captured, length, i64(frame["link"]), packet)
    if status == TRUNCATED and captured >= length:
        return MALFORMED
    return status
