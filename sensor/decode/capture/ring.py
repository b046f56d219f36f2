"""Converts blocks of an AF_PACKET ring (TPACKET_V3, linux/if_packet.h) to descriptors.

    block    version, offset to private, status, number of packets @12, offset of the first @16, length @20 …
    packet   offset of the next @0, seconds @4, nanoseconds @8, captured @12, length @16, status @20,
             offset of the frame u16 @24, VLAN tag @32, its ethertype u16 @36; sockaddr_ll @48 (type @58)

Fields are in host byte order; only little-endian is supported. Blocks are checked like files: every offset is
compared with the block, and iteration always advances.

The network card or Linux removes the outer VLAN tag of a frame. It is restored in the room that the ring
reserves before each frame, so that live frames look like those of a file.

The counters `counts` and `tags` accumulate over blocks; Python reads them once per second.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import numpy as np
import numpy.typing as npt

from sensor.decode.dissection.ethertypes import IPV4, IPV6, VLAN
from sensor.decode.dissection.ip import DECODED, FRAGMENT, dissect
from sensor.decode.dissection.link import LINK_ETHERNET, is_vlan_tag
from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import be16, be32, le16, le32, u8, word
from sensor.decode.layout import Bytes, Records

BLOCK_HEADER = 48
#: tpacket3_hdr and sockaddr_ll: the minimum size of a packet in a block.
PACKET_HEADER = 68
#: Bytes that the ring must reserve before each frame (PACKET_RESERVE) for the VLAN tag.
VLAN_TAG = 4

_VLAN_VALID = 0x10
_TPID_VALID = 0x40

# Indices of `counts`: all but NEWEST are sums since the ring was opened.
EXCLUDED = 0
"""Frames to or from one of the excluded networks, by their outermost or innermost addresses."""
DAMAGED = 1
"""Frames a block announced but did not hold."""
SHORTENED = 2
"""Frames of which a filter let only the beginning in."""
FRAMES = 3
"""Frames described."""
WIRE_BYTES = 4
"""Their bytes on the wire."""
NEWEST = 5
"""Time of the last frame described, microseconds."""
COUNTS = 6

#: Maximum distinct VLAN ids recorded, in order of appearance.
MAX_VLANS = 32
#: Number of VLAN ids. `tags` has a flag per id, then the number of ids seen, then these in order.
IDS = 4096

#: Networks as rows of (address, mask), each two halves; IPv4 as ::ffff:a.b.c.d.
Masks = npt.NDArray[np.uint64]


def masks(networks: Sequence[str]) -> Masks:
    """`networks` (CIDR) for `describe_block`. Raises ValueError for an invalid network."""
    rows = []
    for text in networks:
        network = ip_network(text, strict=False)
        address, mask = int(network.network_address), int(network.netmask)
        if network.version == 4:
            address, mask = address | 0xFFFF << 32, mask | ((1 << 96) - 1) << 32
        rows.append([address >> 64, address & (1 << 64) - 1, mask >> 64, mask & (1 << 64) - 1])
    return np.array(rows, np.uint64).reshape(-1, 4)


def new_tags() -> npt.NDArray[np.int64]:
    """An empty `tags` array."""
    return np.zeros(IDS + 1 + MAX_VLANS, np.int64)


def vlans(tags: npt.NDArray[np.int64]) -> list[int]:
    """The VLAN ids seen, in order of appearance, at most MAX_VLANS."""
    return [int(tag) for tag in tags[IDS + 1 : IDS + 1 + int(tags[IDS])]]


@kernel
def _note_tag(vlan: int, tags: npt.NDArray[np.int64]) -> None:
    """Record a VLAN id; 0 is a priority tag without a VLAN (IEEE 802.1Q §9.6)."""
    if vlan == 0 or tags[vlan] != 0 or tags[IDS] == MAX_VLANS:
        return
    tags[vlan] = 1
    tags[IDS] += 1
    tags[IDS + tags[IDS]] = vlan


@kernel
def _note_tags(data: Bytes, at: int, end: int, tags: npt.NDArray[np.int64]) -> None:
    """Record the ids of all tags of an Ethernet frame."""
    kind = be16(data, at + 12, end)
    at += 14
    while is_vlan_tag(kind):
        tag = be16(data, at, end)
        if tag < 0:
            return
        _note_tag(tag & 0xFFF, tags)
        kind = be16(data, at + 2, end)
        at += 4


@kernel
def _in_any(high: np.uint64, low: np.uint64, networks: Masks) -> bool:
    for i in range(networks.shape[0]):
        if high & networks[i, 2] == networks[i, 0] and low & networks[i, 3] == networks[i, 1]:
            return True
    return False


@kernel
def _is_excluded(data: Bytes, at: int, end: int, link: int, networks: Masks) -> bool:
    """True if an address of the outermost IP header, after any VLAN tags, is in one of `networks`."""
    if link == LINK_ETHERNET:
        kind = be16(data, at + 12, end)
        at += 14
        while is_vlan_tag(kind):
            kind = be16(data, at + 2, end)
            at += 4
        if kind != IPV4 and kind != IPV6:
            return False
    version = u8(data, at, end) >> 4
    if version == 4 and at + 20 <= end:
        for field in (12, 16):
            low = np.uint64(be32(data, at + field, end)) | np.uint64(0xFFFF00000000)
            if _in_any(np.uint64(0), low, networks):
                return True
    if version == 6 and at + 40 <= end:
        for field in (8, 24):
            if _in_any(word(data, at + field, end), word(data, at + field + 8, end), networks):
                return True
    return False


@kernel
def _is_excluded_inside(data: Bytes, frame: Records, packet: Records, networks: Masks) -> bool:
    """As `_is_excluded`, for the connection inside a tunnel or behind rarer headers (PPPoE); `packet` is
    scratch."""
    if dissect(data, frame, packet) not in (DECODED, FRAGMENT):
        return False
    source, target = packet["source"], packet["target"]
    return _in_any(source[0], source[1], networks) or _in_any(target[0], target[1], networks)


@kernel
def _put_tag_back(data: Bytes, frame: int, tag: int, ethertype: int) -> None:
    """Restore the VLAN tag: move both MAC addresses 4 bytes down and write the tag after them."""
    for i in range(frame, frame + 12):
        data[i - VLAN_TAG] = data[i]
    data[frame + 8], data[frame + 9] = ethertype >> 8, ethertype & 0xFF
    data[frame + 10], data[frame + 11] = (tag >> 8) & 0xFF, tag & 0xFF


@entry
def describe_block(
    data: Bytes, start: int, size: int, link: int, port: int, networks: Masks, packets: Records,
    made: Records, counts: npt.NDArray[np.int64], tags: npt.NDArray[np.int64],
) -> int:  # fmt: skip
    """Descriptors of the frames in the block data[start : start + size], which belongs to us; how many.

    `packets` (a PACKET) is scratch for dissection if networks are excluded.
    Frames of the block = those described + counts[EXCLUDED] + counts[DAMAGED] of this call.
    """
    n, wire_bytes = 0, 0
    whole = start + size
    end = min(whole, start + le32(data, start + 20, whole))
    left = le32(data, start + 12, whole)
    step = max(le32(data, start + 16, whole), 0)
    at, least = start, BLOCK_HEADER
    while left > 0:
        if step < least or at + step + PACKET_HEADER > end or n == made.size:
            counts[DAMAGED] += left  # nothing after a wrong offset can be found
            break
        at, least = at + step, PACKET_HEADER
        step = le32(data, at, end)
        left -= 1
        captured, offset = le32(data, at + 12, end), le16(data, at + 24, end)
        frame = at + offset
        if offset < PACKET_HEADER or frame + captured > end:
            counts[DAMAGED] += 1
            continue
        length = max(le32(data, at + 16, end), captured)
        status = le32(data, at + 20, end)
        if link == LINK_ETHERNET:
            if status & _VLAN_VALID != 0 and captured >= 12 and offset >= PACKET_HEADER + VLAN_TAG:
                ethertype = le16(data, at + 36, end) if status & _TPID_VALID else VLAN
                _put_tag_back(data, frame, le32(data, at + 32, end), ethertype)
                frame, captured, length = frame - VLAN_TAG, captured + VLAN_TAG, length + VLAN_TAG
            _note_tags(data, frame, frame + captured, tags)
        if networks.shape[0] > 0 and _is_excluded(data, frame, frame + captured, link, networks):
            counts[EXCLUDED] += 1
            continue
        out = made[n]
        out["time"] = le32(data, at + 4, end) * 1_000_000 + le32(data, at + 8, end) // 1000
        out["record"], out["offset"] = at, frame
        out["captured"], out["length"] = captured, length
        out["link"], out["interface"] = link, port
        if networks.shape[0] > 0 and _is_excluded_inside(data, out, packets[0], networks):
            counts[EXCLUDED] += 1
            continue
        n += 1
        wire_bytes += length
        if captured < length:
            counts[SHORTENED] += 1
    counts[FRAMES] += n
    counts[WIRE_BYTES] += wire_bytes
    if n > 0:
        counts[NEWEST] = made[n - 1]["time"]
    return n
