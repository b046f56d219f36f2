"""Tunnels inside IP packets: GRE, ERSPAN I to III, IP in IP, and those over UDP; and names of tunnels.

`tunnel` of a packet is one number: kind and id of the outermost tunnel, and of the innermost one if there are
several (kinds 3 bits, ids 32 and 24). `realm` is the same without MPLS and mirrors (ERSPAN, TZSP). The realm
is part of the connection key, because addresses in two tunnels may overlap. MPLS labels are not, because they
identify a path in one direction only, as mirror sessions may: they would separate the two directions of a
connection. For the same reason the ids of GTP, L2TP and PPTP, which each endpoint chooses, are not recorded.

References: GRE, RFC 2784 §2 and RFC 2890 §2; PPTP, RFC 2637 §4.1; ERSPAN, draft-foschiano-erspan-03; IP in
IP, RFC 2003 §3 and RFC 4213 §3; EtherIP, RFC 3378; GRE in UDP, RFC 8086; WCCP, draft-wilson-wrec-wccp-v2
§4.12.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import polars as pl

from sensor.decode.dissection.ethertypes import (
    BRIDGED,
    BY_NIBBLE,
    CUT,
    IPV4,
    IPV6,
    LATER,
    MPLS,
    MPLS_MULTICAST,
    NO_TUNNEL,
    NSH,
    PPP,
    TOO_DEEP,
    WLAN,
)
from sensor.decode.dissection.udp_tunnels import (
    EOIP,
    ETHERIP,
    GRE_PLAIN,
    GRE_PORT,
    IPIP,
    L2TP,
    NUMBERLESS,
    PPTP,
    TZSP,
    WCCP,
    in_udp,
    l2tp_3,
    tunnel_port,
)
from sensor.decode.dissection.udp_tunnels import KIND_NAMES as _KIND_NAMES
from sensor.decode.dissection.udp_tunnels import NUMBERLESS_NAMES as _NUMBERLESS_NAMES
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, be32, u8
from sensor.decode.kernels.strings import Integers
from sensor.decode.layout import UDP, Bytes, Records, i64

_ERSPAN_II = 0x88BE
_ERSPAN_III = 0x22EB
_PPTP = 0x880B
_EOIP = 0x6400
#: From here on, in steps of 16: 802.11 frames between access point and controller.
_ARUBA = 0x8200
_WCCP = 0x883E

# Protocols of IP.
_IN_IPV4 = 4
_IN_IPV6 = 41
_GRE = 47
_ETHERIP = 97
_L2TP = 115
_MPLS_IN_IP = 137
_ETHERNET = 143  # of SRv6 (RFC 8986 §4.9)

#: Maximum nesting of tunnels. A deeper packet is an attack.
MAX_NESTING = 6

_ERSPAN, _GRE_KEYED, LABELS = 3, 5, 7
#: Id of ERSPAN I, which has no session id (ten bits).
_NO_SESSION = 1 << 10

_OUTER_BITS = 35
_INNER_ID = 0xFFFFFF


@kernel
def _within(tunnel: int, kind: int, number: int) -> int:
    """`tunnel` with a tunnel (kind, number) nested inside."""
    if tunnel == 0:
        return kind << 32 | number
    outermost = tunnel & ((1 << _OUTER_BITS) - 1)
    return (kind << 24 | number & _INNER_ID) << _OUTER_BITS | outermost


@kernel
def enter(packet: Records, kind: int, number: int) -> bool:
    """Record that the payload is in this tunnel; False if the nesting is too deep."""
    packet["depth"] += 1
    packet["source_mac"] = 0  # the MAC of the tunnel endpoint, not of the sender
    packet["tunnel"] = _within(i64(packet["tunnel"]), kind, number)
    if not (kind in (LABELS, _ERSPAN) or (kind == NUMBERLESS and number == TZSP)):
        packet["realm"] = _within(i64(packet["realm"]), kind, number)
    return packet["depth"] <= MAX_NESTING


@kernel
def _erspan(data: Bytes, at: int, end: int, kind: int) -> tuple[int, int, int, int]:
    """ERSPAN II and III: the mirrored frame after the header at `at`; see `udp_tunnels.in_udp`."""
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
    """GRE with optional checksum, key and sequence number; see `udp_tunnels.in_udp`."""
    flags, kind = be16(data, at, end), be16(data, at + 2, end)
    if kind < 0:
        return 0, 0, CUT, at
    if flags == 0x2001 and kind == _EOIP:
        return NUMBERLESS, EOIP, BRIDGED, at + 8
    if flags & 0x4007 == 1 and kind == _PPTP:
        acknowledges = flags >> 7 & 1
        return NUMBERLESS, PPTP, PPP, at + 8 + (flags >> 12 & 1) * 4 + acknowledges * 4
    if flags & 0x4007 != 0:  # source routes (RFC 1701) or another version
        return 0, 0, NO_TUNNEL, at
    key_at = at + 4 + (flags >> 15) * 4
    sequence_at = key_at + (flags >> 13 & 1) * 4
    body = sequence_at + (flags >> 12 & 1) * 4
    if kind == _ERSPAN_III or (kind == _ERSPAN_II and body > sequence_at):
        return _erspan(data, body, end, kind)
    if kind == _ERSPAN_II:
        return _ERSPAN, _NO_SESSION, BRIDGED, body
    if kind == _WCCP:  # version 2 puts four bytes before the packet
        return NUMBERLESS, WCCP, BY_NIBBLE, body if u8(data, body, end) >> 4 == 4 else body + 4
    if kind & 0xFF0F == _ARUBA:
        kind = WLAN
    if kind not in (WLAN, BRIDGED, IPV4, IPV6, MPLS, MPLS_MULTICAST, NSH):
        return 0, 0, NO_TUNNEL, at
    if sequence_at == key_at:
        return NUMBERLESS, GRE_PLAIN, kind, body
    key = be32(data, key_at, end)
    return _GRE_KEYED, key, kind if key >= 0 else CUT, body


@kernel
def inside(data: Bytes, at: int, end: int, ends: int, protocol: int, packet: Records) -> tuple[int, int]:
    """Ethertype and offset of the content of the IP payload at `at`; or NO_TUNNEL, CUT, LATER or
    TOO_DEEP."""
    layer, number, kind, body = 0, 0, NO_TUNNEL, at
    port = tunnel_port(i64(packet["source_port"]), i64(packet["target_port"])) if protocol == UDP else 0
    if protocol == _GRE or port == GRE_PORT:
        layer, number, kind, body = _gre(data, at if protocol == _GRE else at + 8, end)
    elif protocol == UDP:
        # A first fragment ends sooner than the datagram whose length it tells.
        ends = max(ends, at + be16(data, at + 4, end))
        layer, number, kind, body = in_udp(data, at + 8, end, ends, port, packet)
    elif protocol in (_IN_IPV4, _IN_IPV6):
        layer, number, kind = NUMBERLESS, IPIP, IPV4 if protocol == _IN_IPV4 else IPV6
    elif protocol in (_ETHERIP, _ETHERNET):
        layer, number, kind, body = NUMBERLESS, ETHERIP, BRIDGED, at + (2 if protocol == _ETHERIP else 0)
    elif protocol == _L2TP and be32(data, at, end) > 0:
        layer, number = NUMBERLESS, L2TP
        kind, body = l2tp_3(data, at + 4, end)
    elif protocol == _MPLS_IN_IP:
        return MPLS, at
    if kind in (NO_TUNNEL, CUT, LATER):
        return kind, at
    if layer != 0 and not enter(packet, layer, number):
        return TOO_DEEP, at
    return kind, body


def _layer_text(kind: int, number: int) -> str:
    if kind == NUMBERLESS:
        return _NUMBERLESS_NAMES[number]
    name = _KIND_NAMES[kind]
    if kind == _ERSPAN and number == _NO_SESSION:
        return f"{name}"
    return f"{name}:{number:#x}" if kind == _GRE_KEYED else f"{name}:{number}"


def tunnel_text(tunnel: int) -> str | None:
    """`erspan:3`, or `erspan:3/vxlan:7` for nested tunnels; None if there is none."""
    if tunnel == 0:
        return None
    outer = _layer_text(tunnel >> 32 & 7, tunnel & 0xFFFFFFFF)
    inner = tunnel >> _OUTER_BITS
    return f"{outer}/{_layer_text(inner >> 24, inner & _INNER_ID)}" if inner else outer


def tunnel_texts(tunnels: Integers) -> pl.Series:
    """Tunnels as text, computed once per distinct tunnel."""
    frame = pl.DataFrame({"tunnel": tunnels})
    known = frame.unique(maintain_order=True)
    text = [tunnel_text(value) for value in known["tunnel"]]
    known = known.with_columns(pl.Series("text", text, dtype=pl.String))
    return frame.join(known, on="tunnel", how="left", maintain_order="left")["text"]
