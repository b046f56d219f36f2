"""Tunnels over UDP: VXLAN, GENEVE, GTP-U, L2TP, TZSP, Teredo, CAPWAP, LISP, MPLS.

A port alone proves nothing: a payload that does not match the protocol is an ordinary datagram.

References: VXLAN, RFC 7348 §5 (AWS Traffic Mirroring is VXLAN), its generic extension,
draft-ietf-nvo3-vxlan-gpe; GENEVE, RFC 8926 §3.4; GTP-U, 3GPP TS 29.281 §5.1, version 0, TS 09.60 §6;
L2TP, RFC 2661 §3.1, RFC 3931 §4.1; TZSP, en.wikipedia.org/wiki/TZSP; Teredo, RFC 4380 §5.1.1; CAPWAP,
RFC 5415 §4.3; LISP, RFC 9300 §5.3; MPLS over UDP, RFC 7510.
"""

from __future__ import annotations

from sensor.decode.dissection.ethertypes import (
    ARP,
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
    SERVICE_VLAN,
    VLAN,
    WLAN,
)
from sensor.decode.dissection.parts import is_later
from sensor.decode.kernels.jit import kernel, step
from sensor.decode.kernels.packet_bytes import be16, be32, u8
from sensor.decode.layout import Bytes, Records

_DNS_PORT = 53
_L2TP_PORT = 1701
_GTP_PORT = 2152
_GTP_0_PORT = 3386
_TEREDO_PORT = 3544
_LISP_PORT = 4341
GRE_PORT = 4754
_VXLAN_PORT = 4789
_VXLAN_GPE_PORT = 4790
_CAPWAP_PORT = 5247
_GENEVE_PORT = 6081
_MPLS_PORT = 6635
_VXLAN_OLD_PORT = 8472  # Linux default from before the IANA assignment
_TZSP_PORT = 37008

KIND_NAMES = (None, "vxlan", "geneve", "erspan", None, "gre", None, "mpls")
_VXLAN, _GENEVE = 1, 2
#: The kind of tunnels without an id; its id field identifies the protocol.
NUMBERLESS = 6
NUMBERLESS_NAMES = (
    "ipip", "gre", "gtp", "l2tp", "teredo", "tzsp", "pptp", "capwap", "etherip", "wccp", "lisp",
    "eoip",
)  # fmt: skip
IPIP, GRE_PLAIN, _GTP, L2TP, _TEREDO, TZSP, PPTP, _CAPWAP, ETHERIP, WCCP, _LISP, EOIP = range(12)

#: Ethertypes that prove an Ethernet frame behind labels.
_FRAMED = (IPV4, IPV6, VLAN, SERVICE_VLAN, ARP)
_MAX_EXTENSIONS = 8
_MAX_TAGS = 64


@kernel
def _is_tunnel_port(port: int) -> bool:
    if port < _L2TP_PORT or port > _TZSP_PORT:
        return False
    if port > _VXLAN_OLD_PORT:
        return port == _TZSP_PORT
    return port in (
        _L2TP_PORT, _GTP_PORT, _GTP_0_PORT, _TEREDO_PORT, _LISP_PORT, _VXLAN_PORT, _VXLAN_GPE_PORT,
        _CAPWAP_PORT, _GENEVE_PORT, _MPLS_PORT, _VXLAN_OLD_PORT, GRE_PORT,
    )  # fmt: skip


@step
def tunnel_port(source: int, target: int) -> int:
    """The port whose datagrams may be tunnels; 0 if neither is one, or a resolver asked from such a port."""
    port = target if _is_tunnel_port(target) else source if _is_tunnel_port(source) else 0
    return 0 if _DNS_PORT in (source, target) else port


@kernel
def _by_nibble(data: Bytes, at: int, end: int) -> int:
    """BY_NIBBLE if an IP header may begin here, CUT, or NO_TUNNEL."""
    nibble = u8(data, at, end) >> 4
    return BY_NIBBLE if nibble in (4, 6) else CUT if nibble < 0 else NO_TUNNEL


@kernel
def _is_packet(data: Bytes, at: int, end: int, ends: int) -> bool:
    """True for an IP packet as long as what is left."""
    version = u8(data, at, end) >> 4
    if version == 4:
        return be16(data, at + 2, end) == ends - at
    return version == 6 and be16(data, at + 4, end) + 40 == ends - at


@kernel
def _geneve(data: Bytes, at: int, end: int) -> tuple[int, int]:
    first, kind = u8(data, at, end), be16(data, at + 2, end)
    if first >> 6 != 0 or kind not in (BRIDGED, IPV4, IPV6, MPLS, MPLS_MULTICAST):
        return NO_TUNNEL, at
    return kind, at + 8 + 4 * (first & 63)


@kernel
def _vxlan_gpe(data: Bytes, at: int, end: int) -> tuple[int, int]:
    following = u8(data, at + 3, end)
    if u8(data, at, end) & 0x0C != 0x0C or following < 1 or following > 4:
        return NO_TUNNEL, at
    kind = IPV4 if following == 1 else IPV6 if following == 2 else BRIDGED if following == 3 else NSH
    return kind, at + 8


@kernel
def _gtp(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A T-PDU of version 1 with its extension headers, or of version 0."""
    first = u8(data, at, end)
    if u8(data, at + 1, end) != 255 or first >> 4 not in (1, 3):
        return NO_TUNNEL, at
    body = at + 20 if first >> 4 == 1 else at + 8
    if first >> 4 == 3 and first & 7:
        following = u8(data, at + 11, end) if first & 4 else 0
        body = at + 12
        for _ in range(_MAX_EXTENSIONS):
            size = 4 * u8(data, body, end)
            if following <= 0 or size <= 0:
                break
            following = u8(data, body + size - 1, end)
            body += size
    return _by_nibble(data, body, end), body


@kernel
def l2tp_3(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Version 3 after its session id; only the control connection defines the payload.

    A cookie (0, 4 or 8 bytes) and a sublayer (0 or 4) come first, so the payload is searched.
    """
    for body in range(at, at + 16, 4):
        if be16(data, body + 12, end) in (IPV4, IPV6, MPLS, 0x8100, 0x88A8):
            return BRIDGED, body
        if be16(data, body, end) == 0xFF03:
            return PPP, body
        head = be32(data, body, end)
        if head >> 16 == 0x0F00 and head & 0xFFFF in (IPV4, IPV6):  # Cisco HDLC
            return head & 0xFFFF, body + 4
        if head >> 24 == 0x45 and head & 0xFFFF == end - body:
            return IPV4, body
    return NO_TUNNEL, at


@kernel
def _l2tp(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A data message, with optional fields according to its flags; reserved ones are 0."""
    flags = be16(data, at, end)
    if flags == 3:
        return l2tp_3(data, at + 8, end)
    if flags & 0xB4FF != 2:
        return NO_TUNNEL, at
    body = at + 6 + (flags >> 14 & 1) * 2 + (flags >> 11 & 1) * 4
    if flags & 0x0200:
        body += 2 + max(0, be16(data, body, end))
    return PPP, body


@kernel
def _tzsp(data: Bytes, at: int, end: int) -> tuple[int, int]:
    inner = be16(data, at + 2, end)
    if u8(data, at, end) != 1 or u8(data, at + 1, end) > 1 or inner not in (1, 18):
        return NO_TUNNEL, at
    at += 4
    for _ in range(_MAX_TAGS):
        tag = u8(data, at, end)
        if tag < 0:
            return CUT, at
        if tag == 1:
            return BRIDGED if inner == 1 else WLAN, at + 1
        at += 1 if tag == 0 else 2 + max(0, u8(data, at + 1, end))
    return NO_TUNNEL, at


@kernel
def _teredo(data: Bytes, at: int, end: int, ends: int) -> tuple[int, int]:
    """An IPv6 packet as long as what is left, after optional authentication and origin headers."""
    if be16(data, at, end) == 1:
        at += 13 + max(0, u8(data, at + 2, end)) + max(0, u8(data, at + 3, end))
    if be16(data, at, end) == 0:
        at += 8
    return IPV6 if _is_packet(data, at, end, ends) and u8(data, at, end) >> 4 == 6 else NO_TUNNEL, at


@kernel
def _capwap(data: Bytes, at: int, end: int, ends: int, packet: Records) -> tuple[int, int]:
    """A data message, unless encrypted or a keep-alive; it may be a fragment."""
    head, part = be32(data, at, end), be32(data, at + 4, end)
    size = (head >> 19 & 31) * 4
    if part < 0 or head >> 24 != 0 or head & 8 or size < 8:
        return NO_TUNNEL, at
    # Access points behind a NAT have one address.
    number = (packet["source_port"] ^ packet["target_port"]) << 16 | part >> 16
    more, offset = head & 0x40 ^ 0x40, part & 0xFFF8
    if head & 0x80 and is_later(offset, more, number, _CAPWAP_PORT, at + size, ends, packet):
        return LATER, at
    return WLAN if head & 0x100 else BRIDGED, at + size


@kernel
def _mpls(data: Bytes, at: int, end: int, ends: int) -> tuple[int, int]:
    """Labels, then an IP packet as long as what is left, or an Ethernet frame with or without a control
    word."""
    body = at + 4
    while u8(data, body - 2, end) & 1 == 0:
        body += 4
    if body + 20 > end:
        return NO_TUNNEL if body + 20 > ends else CUT, at
    is_packet = _is_packet(data, body, end, ends)
    is_frame = be16(data, body + 12, end) in _FRAMED or be16(data, body + 16, end) in _FRAMED
    return MPLS if is_packet or is_frame else NO_TUNNEL, at


@kernel
def in_udp(
    data: Bytes, at: int, end: int, ends: int, port: int, packet: Records
) -> tuple[int, int, int, int]:
    """Kind and id of the tunnel in the payload at `at`, and ethertype and offset of its content."""
    if at + 8 > ends:
        return 0, 0, NO_TUNNEL, at
    first, number = u8(data, at, end), be32(data, at + 4, end) >> 8
    if number < 0:
        return 0, 0, CUT, at
    layer = NUMBERLESS
    if port in (_VXLAN_PORT, _VXLAN_OLD_PORT):
        # A group policy may set the highest bit.
        return _VXLAN, number, BRIDGED if first & 0x7F == 8 else NO_TUNNEL, at + 8
    if port == _GENEVE_PORT:
        layer, (kind, body) = _GENEVE, _geneve(data, at, end)
    elif port == _VXLAN_GPE_PORT:
        layer, (kind, body) = _VXLAN, _vxlan_gpe(data, at, end)
    elif port in (_GTP_PORT, _GTP_0_PORT):
        number, (kind, body) = _GTP, _gtp(data, at, end)
    elif port == _L2TP_PORT:
        number, (kind, body) = L2TP, _l2tp(data, at, end)
    elif port == _TZSP_PORT:
        number, (kind, body) = TZSP, _tzsp(data, at, end)
    elif port == _TEREDO_PORT:
        number, (kind, body) = _TEREDO, _teredo(data, at, end, ends)
    elif port == _CAPWAP_PORT:
        number, (kind, body) = _CAPWAP, _capwap(data, at, end, ends, packet)
    elif port == _LISP_PORT:
        number, kind, body = _LISP, BY_NIBBLE if _is_packet(data, at + 8, end, ends) else NO_TUNNEL, at + 8
    else:
        layer, (kind, body) = 0, _mpls(data, at, end, ends)
    return layer, number, kind, body
