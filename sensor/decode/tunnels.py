"""Packets inside packets: GRE, ERSPAN I to III, VXLAN, GENEVE, IP in IP; and what a tunnel is called.

A packet's `tunnel` is one number: the outermost tunnel's kind and id, and the innermost's where there
are two or more (kinds 3 bits, ids 32 and 24). Its `realm` is the same without MPLS and ERSPAN. Connections
are keyed on the realm, because addresses of two tunnels may overlap; an MPLS label names a path in one
direction only, and so may a mirror session: both would tear a connection's two directions apart.

References: GRE, RFC 2784 and 2890; ERSPAN, draft-foschiano-erspan-03; VXLAN, RFC 7348 §5; GENEVE,
RFC 8926 §3.4; IP in IP, RFC 2003 and 4213. AWS Traffic Mirroring is VXLAN.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import polars as pl

from sensor.decode.jit import kernel
from sensor.decode.layout import UDP, Bytes, Records, i64
from sensor.decode.names import Integers
from sensor.decode.read import be16, be32, u8

IPV4 = 0x0800
IPV6 = 0x86DD
MPLS = 0x8847
MPLS_MULTICAST = 0x8848
#: GRE's protocol type for an Ethernet frame, and what this package calls one anywhere.
BRIDGED = 0x6558
_ERSPAN_II = 0x88BE
_ERSPAN_III = 0x22EB

# What else a layer may hold instead of one of the above.
CUT = -1
BY_NIBBLE = -2
"""IPv4 or IPv6, as its first four bits say."""
NO_TUNNEL = -3
TOO_DEEP = -4

_IN_IPV4 = 4
_IN_IPV6 = 41
_GRE = 47
_VXLAN_PORT = 4789
_VXLAN_OLD_PORT = 8472  # Linux before IANA had assigned one
_GENEVE_PORT = 6081

#: Tunnels in tunnels; a deeper packet is taken for an attack.
MAX_NESTING = 6

_KIND_NAMES = (None, "vxlan", "geneve", "erspan", "gre", "gre", "ipip", "mpls")
_VXLAN, _GENEVE, _ERSPAN, _GRE_PLAIN, _GRE_KEYED, _IPIP, LABELS = range(1, 8)
#: ERSPAN I has no session; sessions have ten bits.
_NO_SESSION = 1 << 10

_OUTER_BITS = 35
_INNER_ID = 0xFFFFFF


@kernel
def _within(tunnel: int, kind: int, number: int) -> int:
    """The number of a tunnel (kind, number) inside `tunnel`."""
    if tunnel == 0:
        return kind << 32 | number
    outermost = tunnel & ((1 << _OUTER_BITS) - 1)
    return (kind << 24 | number & _INNER_ID) << _OUTER_BITS | outermost


@kernel
def enter(packet: Records, kind: int, number: int) -> bool:
    """Note that what follows came in this tunnel; False if it is one too many."""
    packet["depth"] += 1
    packet["source_mac"] = 0  # the tunnel's end, not the sender
    packet["tunnel"] = _within(i64(packet["tunnel"]), kind, number)
    if kind not in (LABELS, _ERSPAN):
        packet["realm"] = _within(i64(packet["realm"]), kind, number)
    return packet["depth"] <= MAX_NESTING


@kernel
def _in_udp(data: Bytes, at: int, end: int, ends: int, port: int) -> tuple[int, int, int, int]:
    """Kind and id of the tunnel in the datagram's payload at `at`; ethertype and offset of its content."""
    if at + 8 > ends:
        return 0, 0, NO_TUNNEL, at
    first, number = u8(data, at, end), be32(data, at + 4, end) >> 8
    if number < 0:
        return 0, 0, CUT, at
    if port == _GENEVE_PORT:
        kind = be16(data, at + 2, end)
        if first >> 6 != 0 or kind not in (BRIDGED, IPV4, IPV6, MPLS, MPLS_MULTICAST):
            return 0, 0, NO_TUNNEL, at
        return _GENEVE, number, kind, at + 8 + 4 * (first & 63)
    if first & 0x7F != 8:  # a group policy may set the highest bit
        return 0, 0, NO_TUNNEL, at
    return _VXLAN, number, BRIDGED, at + 8


@kernel
def _erspan(data: Bytes, at: int, end: int, kind: int) -> tuple[int, int, int, int]:
    """ERSPAN II and III: the mirrored frame behind the header at `at`; see `_in_udp`."""
    head = be32(data, at, end)
    if head < 0:
        return 0, 0, CUT, at
    session = head & 0x3FF
    if kind == _ERSPAN_II:
        return _ERSPAN, session, BRIDGED if head >> 28 == 1 else NO_TUNNEL, at + 8
    rest = be32(data, at + 8, end)
    if rest < 0:
        return 0, 0, CUT, at
    if head >> 28 != 2:
        return 0, 0, NO_TUNNEL, at
    frame_type = rest >> 10 & 31
    return _ERSPAN, session, BY_NIBBLE if frame_type == 2 else BRIDGED, at + 12 + 8 * (rest & 1)


@kernel
def _gre(data: Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """GRE with optional checksum, key and sequence number; see `_in_udp`."""
    flags, kind = be16(data, at, end), be16(data, at + 2, end)
    if kind < 0:
        return 0, 0, CUT, at
    if flags & 0x4007 != 0:  # source routes (RFC 1701) or another version (PPTP)
        return 0, 0, NO_TUNNEL, at
    key_at = at + 4 + (flags >> 15) * 4
    sequence_at = key_at + (flags >> 13 & 1) * 4
    body = sequence_at + (flags >> 12 & 1) * 4
    if kind == _ERSPAN_III or (kind == _ERSPAN_II and body > sequence_at):
        return _erspan(data, body, end, kind)
    if kind == _ERSPAN_II:
        return _ERSPAN, _NO_SESSION, BRIDGED, body
    if kind not in (BRIDGED, IPV4, IPV6, MPLS, MPLS_MULTICAST):
        return 0, 0, NO_TUNNEL, at
    if sequence_at == key_at:
        return _GRE_PLAIN, 0, kind, body
    key = be32(data, key_at, end)
    return _GRE_KEYED, key, kind if key >= 0 else CUT, body


@kernel
def is_tunnel_port(port: int) -> bool:
    """True if datagrams to this port may carry frames."""
    return port in (_VXLAN_PORT, _VXLAN_OLD_PORT, _GENEVE_PORT)


@kernel
def inside(data: Bytes, at: int, end: int, ends: int, protocol: int, packet: Records) -> tuple[int, int]:
    """Ethertype and offset of what the IP payload at `at` carries, or NO_TUNNEL, CUT or TOO_DEEP."""
    if protocol == UDP:
        layer, number, kind, body = _in_udp(data, at + 8, end, ends, i64(packet["target_port"]))
    elif protocol == _GRE:
        layer, number, kind, body = _gre(data, at, end)
    elif protocol in (_IN_IPV4, _IN_IPV6):
        layer, number, kind, body = _IPIP, 0, IPV4 if protocol == _IN_IPV4 else IPV6, at
    else:
        return NO_TUNNEL, at
    if kind in (NO_TUNNEL, CUT):
        return kind, at
    if not enter(packet, layer, number):
        return TOO_DEEP, at
    return kind, body


def _layer_text(kind: int, number: int) -> str:
    name = _KIND_NAMES[kind]
    if kind in (_IPIP, _GRE_PLAIN) or (kind == _ERSPAN and number == _NO_SESSION):
        return f"{name}"
    return f"{name}:{number:#x}" if kind == _GRE_KEYED else f"{name}:{number}"


def tunnel_text(tunnel: int) -> str | None:
    """`erspan:3`, or `erspan:3/vxlan:7` where one is inside the other; None where there is none."""
    if tunnel == 0:
        return None
    outer = _layer_text(tunnel >> 32 & 7, tunnel & 0xFFFFFFFF)
    inner = tunnel >> _OUTER_BITS
    return f"{outer}/{_layer_text(inner >> 24, inner & _INNER_ID)}" if inner else outer


def tunnel_texts(tunnels: Integers) -> pl.Series:
    """Tunnels as text, each distinct one written once."""
    frame = pl.DataFrame({"tunnel": tunnels})
    known = frame.unique(maintain_order=True)
    text = [tunnel_text(value) for value in known["tunnel"]]
    known = known.with_columns(pl.Series("text", text, dtype=pl.String))
    return frame.join(known, on="tunnel", how="left", maintain_order="left")["text"]
