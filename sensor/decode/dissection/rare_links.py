"""Link types whose header has a fixed size, and rare ones: IEEE 802.11 and capture headers before it,
firewall logs, Token Ring, FDDI, Frame Relay, ATM, and Ethernet after vendor headers.

References: tcpdump.org/linktypes.html; IEEE 802.11 §9.2 and §9.3.2; radiotap.org; NFLOG and PFLOG,
tcpdump.org/linktypes; LLC on ATM and Frame Relay, RFC 2684 and 2427; ERF, the Endace manual's record types;
Juniper's header, packet-juniper.c of Wireshark.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.dissection.ethertypes import (
    BRIDGED,
    BY_NIBBLE,
    CUT,
    IPV4,
    IPV6,
    LLC,
    MPLS,
    PPP,
    UNKNOWN,
    UNKNOWN_LINK,
    WLAN,
)
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, be32, be48, le16, le32, u8
from sensor.decode.layout import Bytes, Records, i64

_NULL, _LOOP = 0, 108
_RAW, _RAW_OF_BSD, _RAW_OF_OPENBSD, _IPV4, _IPV6 = 101, 12, 14, 228, 229
_CISCO_HDLC = 104
_TOKEN_RING = 6
_FDDI = 10
_ATM_OF_BSD, _ATM = 11, 100
_WLAN_PLAIN = 105
_FRAME_RELAY = 107
_ENC = 109
_PFLOG = 117
_PRISM = 119
_IP_OVER_FC = 122
_SUNATM = 123
_RADIOTAP = 127
_IEEE1394 = 138
_AVS = 163
_PPP_WITH_DIRECTION = 166
_PPI = 192
_ERF = 197
_NFLOG = 239
_NETANALYZER, _NETANALYZER_TRANSPARENT = 240, 241
_EPON, _MPACKET = 259, 274
_BROADCOM, _BROADCOM_BEFORE = 281, 282
_MARVELL, _MARVELL_LONG = 284, 285
_SLIP = 8
_DOCSIS = 143
_JUNIPER_ETHERNET, _JUNIPER_PPP, _JUNIPER_HDLC = 178, 179, 181
_HDLC_WITH_DIRECTION, _FRAME_RELAY_WITH_DIRECTION = 205, 206
_MPLS = 219
_IPNET = 226
_IPOIB = 242
PKTAP = 258

#: In place of a payload type: the last two bytes of the header are it.
_AS_IT_SAYS = UNKNOWN
#: Bytes of headers whose size is fixed, and the type of their payload.
_FIXED = {
    _WLAN_PLAIN: (0, WLAN), _MPLS: (0, MPLS), _PPP_WITH_DIRECTION: (1, PPP),
    _RAW: (0, BY_NIBBLE), _RAW_OF_BSD: (0, BY_NIBBLE), _RAW_OF_OPENBSD: (0, BY_NIBBLE),
    _IPV4: (0, IPV4), _IPV6: (0, IPV6), _NULL: (4, BY_NIBBLE), _LOOP: (4, BY_NIBBLE),
    _ENC: (12, BY_NIBBLE), _SLIP: (16, BY_NIBBLE), _IPNET: (24, BY_NIBBLE),
    _NETANALYZER: (4, BRIDGED), _NETANALYZER_TRANSPARENT: (12, BRIDGED), _BROADCOM_BEFORE: (4, BRIDGED),
    _EPON: (8, BRIDGED), _MPACKET: (8, BRIDGED),
    _ATM: (0, LLC), _ATM_OF_BSD: (0, LLC), _FDDI: (13, LLC), _IP_OVER_FC: (16, LLC),
    _CISCO_HDLC: (4, _AS_IT_SAYS),
    _HDLC_WITH_DIRECTION: (5, _AS_IT_SAYS), _IEEE1394: (18, _AS_IT_SAYS), _BROADCOM: (18, _AS_IT_SAYS),
    _MARVELL: (18, _AS_IT_SAYS), _MARVELL_LONG: (22, _AS_IT_SAYS),
}  # fmt: skip
_SIZES, _KINDS = np.full(max(_FIXED) + 1, -1), np.zeros(max(_FIXED) + 1, np.int64)
for _link, (_size, _kind) in _FIXED.items():
    _SIZES[_link], _KINDS[_link] = _size, _kind

RARE_LINKS = frozenset(_FIXED) | frozenset(
    (
        _TOKEN_RING, _FRAME_RELAY, _PFLOG, _PRISM, _SUNATM, _RADIOTAP, _AVS, _PPI, _ERF, _NFLOG, _DOCSIS,
        _FRAME_RELAY_WITH_DIRECTION, _IPOIB, PKTAP, _JUNIPER_ETHERNET, _JUNIPER_PPP, _JUNIPER_HDLC,
    )
)  # fmt: skip

_PAYLOAD = 9  # NFULA_PAYLOAD
_MAX_ATTRIBUTES = 64


@kernel
def wlan(data: Bytes, at: int, end: int, packet: Records) -> tuple[int, int]:
    """The 802.2 header of an unencrypted data frame; of the first subframe in an aggregate (A-MSDU).

    CAPWAP controllers of one vendor swap the two bytes of frame control.
    """
    control, flags = u8(data, at, end), u8(data, at + 1, end)
    if control & 0x0F != 8 and flags & 0x0F == 8:
        control, flags = flags, control
    if control < 0 or flags < 0:
        return CUT, at
    if control & 0x4F != 8 or flags & 0x40:  # no data, or protected
        return UNKNOWN, at
    systems = flags & 3
    sender = at + (24 if systems == 3 else 16 if systems == 2 else 10)
    packet["source_mac"] = max(0, be48(data, sender, end))
    body = at + (30 if systems == 3 else 24)
    if control & 0x80:
        is_aggregate = u8(data, body, end) & 0x80
        body += 6 if flags & 0x80 else 2
        body += 14 if is_aggregate else 0
    # Some cards align what follows to four bytes.
    padded = be16(data, body, end) != 0xAAAA and be16(data, body + 2, end) == 0xAAAA
    return LLC, body + 2 if padded else body


@kernel
def _after_radio_header(data: Bytes, at: int, end: int, link: int) -> tuple[int, int]:
    """The 802.11 frame after the header of the receiver."""
    if link == _RADIOTAP:
        size = le16(data, at + 2, end)
    elif link == _PPI:
        size, inner = le16(data, at + 2, end), le32(data, at + 4, end)
        if inner != _WLAN_PLAIN:
            return BRIDGED if inner == 1 else UNKNOWN, at + max(8, size)
    elif be32(data, at, end) >> 12 == 0x80211:  # AVS, also where Prism was announced
        size = be32(data, at + 4, end)
    else:
        size = le32(data, at + 4, end)
    return CUT if size < 0 else WLAN, at + max(8, size)


@kernel
def _nflog(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The payload attribute."""
    at += 4
    for _ in range(_MAX_ATTRIBUTES):
        size, kind = le16(data, at, end), le16(data, at + 2, end)
        if kind < 0:
            return CUT, at
        if kind & 0x7FFF == _PAYLOAD:
            return BY_NIBBLE, at + 4
        if size < 4:
            break
        at += (size + 3) & ~3
    return UNKNOWN, at


@kernel
def _frame_relay(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Two-byte Q.922 address; then Cisco's ethertype, or control and NLPID (RFC 2427 §4)."""
    head = be16(data, at + 2, end)
    if head in (IPV4, IPV6):
        return head, at + 4
    body = at + 4 if head >> 8 == 3 and head & 0xFF else at + 5  # a byte of padding
    kind = u8(data, body - 1, end)
    if kind == 0x80:  # SNAP, without the service access points
        return be16(data, body + 3, end), body + 5
    return IPV4 if kind == 0xCC else IPV6 if kind == 0x8E else UNKNOWN, body


@kernel
def _erf(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The payload after record header, extensions, and two padding bytes before Ethernet."""
    kind = u8(data, at + 8, end)
    at += 16
    more = kind & 0x80
    while more > 0:
        more = u8(data, at, end) & 0x80 if u8(data, at, end) >= 0 else 0
        at += 8
    kind &= 0x7F
    if kind in (2, 11, 16, 20):
        return BRIDGED, at + 2
    if kind == 1:  # HDLC over SONET
        return PPP, at
    return IPV4 if kind == 22 else IPV6 if kind == 23 else UNKNOWN, at


@kernel
def _pktap(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The payload after the process header of macOS: Ethernet, IP, or IP after its address family."""
    size, inner = le32(data, at, end), le32(data, at + 8, end)
    if inner < 0:
        return CUT, at
    at += max(12, size)
    if inner == 1:
        return BRIDGED, at
    if inner == 0:
        return BY_NIBBLE, at + 4
    return BY_NIBBLE if inner in (12, 14, 101) else UNKNOWN, at


@kernel
def _juniper(data: Bytes, at: int, end: int, link: int) -> tuple[int, int]:
    """The frame after magic number, flags and extensions; or an IP packet, as the flags may say."""
    head = be32(data, at, end)
    if head < 0 or head >> 8 != 0x4D4743:
        return CUT if head < 0 else UNKNOWN, at
    at += 6 + max(0, be16(data, at + 4, end)) if head & 0x80 else 4
    if head & 2:
        return BY_NIBBLE, at + 4
    if link == _JUNIPER_HDLC:
        return be16(data, at + 2, end), at + 4
    return BRIDGED if link == _JUNIPER_ETHERNET else PPP, at


@kernel
def _docsis(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The Ethernet frame of a packet PDU, after an optional extended header."""
    control = u8(data, at, end)
    if control < 0 or control >> 6 != 0:
        return CUT if control < 0 else UNKNOWN, at
    return BRIDGED, at + 6 + (max(0, u8(data, at + 1, end)) if control & 1 else 0)


@kernel
def _ring(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Token Ring: after the routing field, present if the highest bit of the source address is set."""
    route = u8(data, at + 14, end) & 31 if u8(data, at + 8, end) & 0x80 else 0
    return LLC, at + 14 + max(0, route)


@kernel
def rare_layer(data: Bytes, at: int, end: int, link: int, packet: Records) -> tuple[int, int]:
    """As `link.first_layer`, for rare link types."""
    if link in (_RADIOTAP, _PPI, _AVS, _PRISM):
        return _after_radio_header(data, at, end, link)
    if link == _NFLOG:
        return _nflog(data, at, end)
    if link in (_FRAME_RELAY, _FRAME_RELAY_WITH_DIRECTION):
        return _frame_relay(data, at if link == _FRAME_RELAY else at + 1, end)
    if link == PKTAP:
        return _pktap(data, at, end)
    if link in (_JUNIPER_ETHERNET, _JUNIPER_PPP, _JUNIPER_HDLC):
        return _juniper(data, at, end, link)
    if link == _DOCSIS:
        return _docsis(data, at, end)
    if link == _ERF:
        return _erf(data, at, end)
    if link == _TOKEN_RING:
        return _ring(data, at, end)
    if link == _PFLOG:
        return BY_NIBBLE, at + ((u8(data, at, end) + 3) & ~3)
    if link == _IPOIB:
        return be16(data, at + 40, end), at + 44
    if link == _SUNATM:
        return (BRIDGED, at + 6) if u8(data, at, end) & 15 == 1 else (LLC, at + 4)
    size = i64(_SIZES[link]) if 0 <= link < _SIZES.size else -1
    if size < 0:
        return UNKNOWN_LINK, at
    return be16(data, at + size - 2, end) if _KINDS[link] == _AS_IT_SAYS else i64(_KINDS[link]), at + size
