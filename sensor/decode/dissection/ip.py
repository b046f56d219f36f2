"""Dissects frames: IP with its extension headers, TCP and UDP, through any tunnels in between.

A frame becomes a PACKET (status DECODED) or is counted under one of the reasons, so that packets read =
decoded + reasons. Lengths are those of the IP header, never the captured ones. A header beyond the captured
bytes is TRUNCATED if the capture truncated the frame, else MALFORMED.

A later fragment has no ports; it gets the status FRAGMENT, and `fragments.py` finds its connection.

References: IPv4, RFC 791 §3.1; IPv6, RFC 8200 §3 and §4; AH, RFC 4302 §2; TCP, RFC 9293 §3.1; UDP, RFC 768.
"""

from __future__ import annotations

import numpy as np

from sensor.decode.dissection.ethertypes import (
    CUT,
    IPV4,
    IPV6,
    LATER,
    NO_TUNNEL,
    TOO_DEEP,
    UNKNOWN_LINK,
    VLAN,
)
from sensor.decode.dissection.link import FAULTY, LINK_ETHERNET, first_layer, to_ip
from sensor.decode.dissection.parts import is_later
from sensor.decode.dissection.tunnels import MAX_NESTING, inside
from sensor.decode.dissection.udp_tunnels import tunnel_port
from sensor.decode.kernels.jit import kernel, step
from sensor.decode.kernels.packet_bytes import be16, be32, holds, sure_16, sure_32, sure_64, u8
from sensor.decode.layout import TCP, UDP, Bytes, Records, i64

DECODED = 0
NON_IP = 1
OTHER_TRANSPORT = 2
UNDECODED_LINK = 3
MALFORMED = 4
TRUNCATED = 5
FRAGMENT = 6
DUPLICATE = 7
FAULT = 8
"""A decoder failed at it before, which is a bug in shadowai: see `FAULTY`."""

#: Authentication Header (RFC 4302 §2.1), the only extension header that IPv4 has, too.
_AUTHENTICATION = 51

#: Maximum chained IPv6 extension headers. More is an attack.
_MAX_EXTENSIONS = 8


@step
def _keep_hardware(hops: int, packet: Records) -> None:
    """Forget the hardware address unless it is the host's: `hops`, its TTL or hop limit, is still one that
    systems begin with. A router lowers it, and puts its own address there."""
    if hops != 64 and hops != 128 and hops != 255:
        packet["source_mac"] = 0


@step
def _ipv4(data: Bytes, at: int, end: int, length: int, packet: Records) -> tuple[int, int, int, int]:
    """Status, protocol, transport offset and end of the datagram as sent (not as captured)."""
    if at + 20 > end:
        return TRUNCATED, 0, 0, 0
    first = u8(data, at, end)
    header = (first & 15) * 4
    total = be16(data, at + 2, end)
    if total == 0:
        total = length  # segmentation offload: the frame exceeds the 16-bit field
    if first >> 4 != 4 or header < 20 or total < header:
        return MALFORMED, 0, 0, 0
    packet["identification"], packet["payload_bytes"] = be16(data, at + 4, end), 0
    _keep_hardware(u8(data, at + 8, end), packet)
    source, target = be32(data, at + 12, end), be32(data, at + 16, end)
    packet["source"][0], packet["source"][1] = np.uint64(0), np.uint64(source | 0xFFFF00000000)
    packet["target"][0], packet["target"][1] = np.uint64(0), np.uint64(target | 0xFFFF00000000)
    protocol, part = u8(data, at + 9, end), be16(data, at + 6, end)
    if part & 0x3FFF != 0:
        offset, number = (part & 0x1FFF) * 8, be16(data, at + 4, end)
        if is_later(offset, part & 0x2000, number, protocol, at + header, at + total, packet):
            return FRAGMENT, protocol, at + header, at + total
    return DECODED, protocol, at + header, at + total


@kernel
def _ipv6(data: Bytes, at: int, end: int, length: int, packet: Records) -> tuple[int, int, int, int]:
    """As `_ipv4`, with extension headers walked (RFC 8200 §4)."""
    if not holds(data, at, end, 40):
        return TRUNCATED, 0, 0, 0
    if u8(data, at, end) >> 4 != 6:
        return MALFORMED, 0, 0, 0
    size = be16(data, at + 4, end)
    ends = at + 40 + size if size > 0 else at + length
    packet["identification"], packet["payload_bytes"] = be32(data, at, end) & 0xFFFFF, 0
    _keep_hardware(u8(data, at + 7, end), packet)
    packet["source"][0], packet["source"][1] = sure_64(data, at + 8), sure_64(data, at + 16)
    packet["target"][0], packet["target"][1] = sure_64(data, at + 24), sure_64(data, at + 32)
    header = u8(data, at + 6, end)
    at += 40
    for _ in range(_MAX_EXTENSIONS):
        if header == 44:
            if at + 8 > end:
                return TRUNCATED, 0, 0, 0
            protocol, part, number = u8(data, at, end), be16(data, at + 2, end), be32(data, at + 4, end)
            if part & 0xFFF9 != 0 and at + 8 > ends:
                return MALFORMED, 0, 0, 0
            if part & 0xFFF9 and is_later(part & 0xFFF8, part & 1, number, protocol, at + 8, ends, packet):
                return FRAGMENT, protocol, at + 8, ends
            step = 8
        elif header == 0 or header == 43 or header == 60 or header == 135 or header == 139 or header == 140:
            step = (u8(data, at + 1, end) + 1) * 8
        elif header == _AUTHENTICATION:
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


@step
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


@step
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


@step
def _ip(data: Bytes, kind: int, at: int, end: int, ends: int, packet: Records) -> tuple[int, int, int, int]:
    """As `_ipv4`, for either version; `ends` is where the frame around it ends."""
    if kind == IPV4:
        return _ipv4(data, at, end, ends - at, packet)
    if kind == IPV6:
        return _ipv6(data, at, end, ends - at, packet)
    if kind == CUT:
        return TRUNCATED, 0, 0, 0
    if kind == UNKNOWN_LINK:
        return UNDECODED_LINK, 0, 0, 0
    return OTHER_TRANSPORT if kind == TOO_DEEP else NON_IP, 0, 0, 0


@step
def _dissect(data: Bytes, at: int, end: int, ends: int, link: int, packet: Records) -> int:
    kind, network = first_layer(data, at, end, link, packet)
    for _ in range(MAX_NESTING + 1):
        if kind != IPV4:
            kind, network = to_ip(data, kind, network, end, packet)
        status, protocol, transport, ends = _ip(data, kind, network, end, ends, packet)
        if status != DECODED and status != FRAGMENT:
            return status
        end = min(end, ends)
        if protocol == _AUTHENTICATION and status == DECODED:
            protocol, transport = u8(data, transport, end), transport + (u8(data, transport + 1, end) + 2) * 4
        packet["protocol"], packet["transport"], packet["end"] = protocol, transport, end
        if status == FRAGMENT:
            return FRAGMENT
        packet["source_port"] = be16(data, transport, end)
        packet["target_port"] = be16(data, transport + 2, end)
        if protocol == TCP:
            return _tcp(data, transport, end, ends, packet)
        if protocol == UDP:
            packet["flags"] = 0
            if tunnel_port(i64(packet["source_port"]), i64(packet["target_port"])) == 0:
                return _udp(data, transport, end, ends, packet)
        kind, network = inside(data, transport, end, ends, protocol, packet)
        if kind == LATER:
            return FRAGMENT
        if kind == NO_TUNNEL:
            return _udp(data, transport, end, ends, packet) if protocol == UDP else OTHER_TRANSPORT
    return OTHER_TRANSPORT


@step
def _is_plain(data: Bytes, at: int, end: int, packet: Records) -> bool:
    """Fast path for common Ethernet frames; False if the general path must decide.

    At most one VLAN tag, IP without options, extensions or fragmentation, TCP or UDP without a tunnel.
    """
    if not holds(data, at, end, 18):
        return False
    packet["source_mac"] = i64(sure_64(data, at + 6) >> np.uint64(16))
    kind, network = sure_16(data, at + 12), at + 14
    if kind == VLAN:
        kind, network = sure_16(data, at + 16), at + 18
    source, target = packet["source"], packet["target"]
    if kind == IPV4 and holds(data, network, end, 20):
        head, rest = i64(sure_64(data, network)), i64(sure_64(data, network + 8))
        size = head >> 32 & 0xFFFF
        if head >> 56 != 0x45 or head & 0x3FFF != 0 or size == 0:
            return False
        protocol, transport, ends = rest >> 48 & 0xFF, network + 20, network + size
        packet["identification"] = head >> 16 & 0xFFFF
        _keep_hardware(rest >> 56 & 0xFF, packet)
        source[0], source[1] = np.uint64(0), np.uint64(rest & 0xFFFFFFFF | 0xFFFF00000000)
        target[0], target[1] = np.uint64(0), np.uint64(sure_32(data, network + 16) | 0xFFFF00000000)
    elif kind == IPV6 and holds(data, network, end, 40):
        head = i64(sure_64(data, network))
        size, protocol, transport = head >> 16 & 0xFFFF, head >> 8 & 0xFF, network + 40
        if head >> 60 != 6 or size == 0:
            return False
        ends = transport + size
        packet["identification"] = head >> 32 & 0xFFFFF
        _keep_hardware(head & 0xFF, packet)
        source[0], source[1] = sure_64(data, network + 8), sure_64(data, network + 16)
        target[0], target[1] = sure_64(data, network + 24), sure_64(data, network + 32)
    else:
        return False
    end = min(end, ends)
    packet["protocol"], packet["transport"], packet["end"] = protocol, transport, end
    if protocol == TCP and holds(data, transport, end, 20):
        return _is_plain_tcp(data, transport, ends, packet)
    return protocol == UDP and holds(data, transport, end, 8) and _is_plain_udp(data, transport, ends, packet)


@step
def _is_plain_tcp(data: Bytes, at: int, ends: int, packet: Records) -> bool:
    ports, head = sure_32(data, at), sure_16(data, at + 12)
    payload = at + (head >> 12) * 4
    if payload < at + 20 or payload > ends:
        return False
    packet["source_port"], packet["target_port"] = ports >> 16, ports & 0xFFFF
    packet["seq"], packet["ack"], packet["flags"] = sure_32(data, at + 4), sure_32(data, at + 8), head & 0xFF
    packet["payload"], packet["payload_bytes"] = payload, ends - payload
    return True


@step
def _is_plain_udp(data: Bytes, at: int, ends: int, packet: Records) -> bool:
    ports, size = sure_32(data, at), sure_16(data, at + 4)
    if size < 8 or tunnel_port(ports >> 16, ports & 0xFFFF) != 0:
        return False
    packet["source_port"], packet["target_port"], packet["flags"] = ports >> 16, ports & 0xFFFF, 0
    packet["payload"], packet["payload_bytes"] = at + 8, min(size, ends - at) - 8
    return True


@step
def dissect(data: Bytes, frame: Records, packet: Records) -> int:
    """Dissect `frame` (a descriptor) into `packet`; returns DECODED or the reason why not."""
    at = i64(frame["offset"])
    captured, length = i64(frame["captured"]), i64(frame["length"])
    packet["length"], packet["frames"], packet["fragment"], packet["reassembled"] = length, 1, -1, 0
    packet["source_mac"], packet["tunnel"], packet["realm"], packet["depth"] = 0, 0, 0, 0
    if frame["link"] == LINK_ETHERNET and _is_plain(data, at, at + captured, packet):
        return DECODED
    if frame["link"] == FAULTY:
        return FAULT
    status = _dissect(data, at, at + captured, at + length, i64(frame["link"]), packet)
    if status == TRUNCATED and captured >= length:
        return MALFORMED
    return status
