"""Parses a frame from its first byte to its IP header: link types, tags, PPPoE, MPLS.

Rare link types are in `rare_links`.

References: link types, tcpdump.org/linktypes.html; VLAN tags, IEEE 802.1Q §9; PPP, RFC 1661 §2; PPPoE, RFC
2516 §4; MPLS, RFC 3032 §2.1; its control word before Ethernet, RFC 4448 §4.6; NSH, RFC 8300 §2; TRILL, RFC
6325 §3; MACsec, IEEE 802.1AE §9; E-TAG, IEEE 802.1BR §7.5; time stamps of Arista switches, EOS manual.
"""

from __future__ import annotations

from sensor.decode.dissection.ethertypes import (
    BRIDGED,
    BY_NIBBLE,
    CUT,
    IPV4,
    IPV6,
    LLC,
    MPLS,
    MPLS_MULTICAST,
    NSH,
    OLD_SERVICE_VLAN,
    PPP,
    SERVICE_VLAN,
    TOO_DEEP,
    UNKNOWN,
    VLAN,
    WLAN,
)
from sensor.decode.dissection.rare_links import RARE_LINKS, rare_layer, wlan
from sensor.decode.dissection.tunnels import LABELS, enter
from sensor.decode.kernels.jit import kernel, step
from sensor.decode.kernels.packet_bytes import be16, be32, be48, u8
from sensor.decode.layout import Bytes, Records

LINK_ETHERNET = 1
LINK_PPP = 9
LINK_PPP_HDLC = 50
LINK_PPPOE = 51
LINK_SLL = 113
LINK_SLL2 = 276

#: In place of a link type: decoding this frame failed.
FAULTY = -2

#: Link types that are decoded.
LINKS = RARE_LINKS | frozenset(
    (
        LINK_ETHERNET, LINK_PPP, LINK_PPP_HDLC, LINK_PPPOE, LINK_SLL, LINK_SLL2,
    )
)  # fmt: skip

_PPPOE = 0x8864
_PROVIDER_BRIDGE = 0x88E7  # I-TAG, then the customer's frame (802.1ah)
_SECURITY_TAG = 0x8909  # Cisco metadata of six bytes
_VN_TAG, _HSR = 0x8926, 0x892F  # both of four bytes
_E_TAG = 0x893F  # of port extenders, six bytes
_TIMESTAMP = 0xD28B  # of a tap aggregation switch
_TRILL = 0x22F3
_FABRICPATH = 0x8903  # two bytes, then the customer's frame
_MACSEC = 0x88E5
_MAX_LENGTH = 1500  # a smaller "ethertype" is the length of an 802.3 frame


@kernel
def is_vlan_tag(kind: int) -> bool:
    """True if two bytes with the VLAN id follow this ethertype, then another ethertype."""
    return kind in (VLAN, SERVICE_VLAN, OLD_SERVICE_VLAN)


@kernel
def _ppp(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The PPP protocol after optional address and control fields (RFC 1661 §2, RFC 1662 §3)."""
    protocol, size = be16(data, at, end), 2
    if protocol in (0x0F00, 0x8F00):  # Cisco HDLC under the name of PPP
        return be16(data, at + 2, end), at + 4
    if protocol == 0xFF03:
        at += 2
        protocol = be16(data, at, end)
    if protocol < 0:
        return CUT, at
    if protocol & 0x100:  # compressed to one byte (RFC 1661 §6.5)
        protocol, size = protocol >> 8, 1
    kind = IPV4 if protocol == 0x21 else IPV6 if protocol == 0x57 else UNKNOWN
    return MPLS if protocol == 0x281 else kind, at + size


@kernel
def _llc(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The ethertype after an 802.2 header: SNAP (RFC 1042), rarely IP.

    The OUI may also announce a frame: of a Cisco ISL trunk, or on ATM (RFC 2684 §5.2).
    """
    head, organisation = be16(data, at, end), be32(data, at + 2, end)
    if head == 0x0606 and organisation >> 24 == 3:
        return IPV4, at + 3
    if head != 0xAAAA:
        return UNKNOWN, at
    if organisation in (0x03000000, 0x030000F8):
        return be16(data, at + 6, end), at + 8
    if organisation == 0x0300000C:
        return BRIDGED, at + 12
    return BRIDGED if organisation == 0x030080C2 else UNKNOWN, at + 10


@step
def first_layer(data: Bytes, at: int, end: int, link: int, packet: Records) -> tuple[int, int]:
    """Ethertype and offset of the payload of the link header; or CUT, or UNKNOWN_LINK."""
    if link == LINK_ETHERNET:
        packet["source_mac"] = max(0, be48(data, at + 6, end))
        return be16(data, at + 12, end), at + 14
    if link == LINK_SLL:
        packet["source_mac"] = max(0, be48(data, at + 6, end))
        return be16(data, at + 14, end), at + 16
    if link == LINK_SLL2:
        packet["source_mac"] = max(0, be48(data, at + 12, end))
        return be16(data, at, end), at + 20
    if link == LINK_PPPOE:
        return _PPPOE, at
    if link in (LINK_PPP, LINK_PPP_HDLC):
        return _ppp(data, at, end)
    return rare_layer(data, at, end, link, packet)


@kernel
def _pppoe(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The PPP protocol in a session packet (version and type 1, code 0)."""
    head = be16(data, at, end)
    if head >= 0 and head != 0x1100:
        return UNKNOWN, at
    return _ppp(data, at + 6, end)


@kernel
def _mpls(data: Bytes, at: int, end: int, packet: Records) -> tuple[int, int]:
    """The payload of a label stack: IP by its version, else Ethernet with or without a control word.

    The bottom label identifies the tunnel; the others change from hop to hop.
    """
    entry = be32(data, at, end)
    while entry >= 0 and entry & 0x100 == 0:
        at += 4
        entry = be32(data, at, end)
    at += 4
    nibble = u8(data, at, end) >> 4
    if nibble < 0:
        return CUT, at
    if not enter(packet, LABELS, entry >> 12):
        return TOO_DEEP, at
    if nibble == 4 or nibble == 6:
        return BY_NIBBLE, at
    # A control word begins with 0, but so do many MAC addresses; a valid ethertype decides.
    after_word = be16(data, at + 16, end)
    if nibble == 0 and after_word in (IPV4, IPV6, VLAN, SERVICE_VLAN, MPLS, _PPPOE):
        return BRIDGED, at + 4
    return BRIDGED, at


@kernel
def _shim(data: Bytes, kind: int, at: int, end: int) -> tuple[int, int]:
    """The payload of a rarer header between frame and packet; UNKNOWN if it is none."""
    if kind == NSH:
        following, size = u8(data, at + 3, end), 4 * (u8(data, at + 1, end) & 63)
        inner = IPV4 if following == 1 else IPV6 if following == 2 else MPLS if following == 5 else UNKNOWN
        return BRIDGED if following == 3 else inner, at + max(8, size)
    if kind == _FABRICPATH:
        return BRIDGED, at + 2
    if kind == _TIMESTAMP:  # type 1; the version says whether the time has 48 or 64 bits
        at += 4 + (6 if be16(data, at + 2, end) & 0xFF == 0x20 else 8)
        return be16(data, at, end), at + 2
    if kind == _TRILL:
        options = (be16(data, at, end) >> 6 & 31) * 4
        return BRIDGED, at + 6 + max(0, options)
    if kind == _MACSEC and u8(data, at, end) & 0x0C == 0:  # signed, not encrypted
        at += 14 if u8(data, at, end) & 0x20 else 6
        return be16(data, at, end), at + 2
    return UNKNOWN, at


@kernel
def to_ip(data: Bytes, kind: int, at: int, end: int, packet: Records) -> tuple[int, int]:
    """Skip tags and shim headers at any depth, to IPV4, IPV6, or another final ethertype.

    Each iteration advances in the packet, and past its end every ethertype is CUT.
    """
    while kind != IPV4 and kind != IPV6:
        if is_vlan_tag(kind):
            kind, at = be16(data, at + 2, end), at + 4
        elif kind == BRIDGED:
            packet["source_mac"] = max(0, be48(data, at + 6, end))
            kind, at = be16(data, at + 12, end), at + 14
        elif kind == _PPPOE:
            kind, at = _pppoe(data, at, end)
        elif kind in (MPLS, MPLS_MULTICAST):
            kind, at = _mpls(data, at, end, packet)
        elif kind == _PROVIDER_BRIDGE:
            kind, at = BRIDGED, at + 4
        elif kind in (_VN_TAG, _HSR):
            kind, at = be16(data, at + 4, end), at + 6
        elif kind in (_SECURITY_TAG, _E_TAG):
            kind, at = be16(data, at + 6, end), at + 8
        elif 0 < kind <= _MAX_LENGTH or kind == LLC:
            kind, at = _llc(data, at, end)
        elif kind == PPP:
            kind, at = _ppp(data, at, end)
        elif kind == WLAN:
            kind, at = wlan(data, at, end, packet)
        elif kind in (NSH, _TRILL, _FABRICPATH, _MACSEC, _TIMESTAMP):
            kind, at = _shim(data, kind, at, end)
        elif kind == BY_NIBBLE:
            nibble = u8(data, at, end) >> 4
            kind = IPV4 if nibble == 4 else IPV6 if nibble == 6 else CUT if nibble < 0 else UNKNOWN
            return kind, at
        else:
            return kind, at
    return kind, at
