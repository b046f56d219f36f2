"""Selects packets that may identify the holder of an address, up to a rate, for the parsers in Python.

    UDP   DHCP, DHCPv6, Kerberos, RADIUS accounting; self-announced host names: mDNS, LLMNR, NetBIOS
    TCP   Kerberos; SMB session setup requests, which may contain an NTLM response

Emits whole datagrams and the first bytes of segments; Python parses the protocols.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, be32, le16, u8
from sensor.decode.layout import SECOND, TCP, Bytes, Records, i64

#: Maximum bytes emitted per packet.
MOST_BYTES = 1500

#: Maximum messages per second of traffic; each takes about 20 µs.
BUDGET_PER_S = 2000

DHCP_SERVER, DHCP_CLIENT, KERBEROS, NETBIOS_NAMES, SMB = 67, 68, 88, 137, 445
DHCP6_CLIENT, DHCP6_SERVER, RADIUS, RADIUS_OLD, MDNS, LLMNR = 546, 547, 1813, 1646, 5353, 5355

_DHCP_OPTIONS = 236
_DHCP_COOKIE = 0x63825363
_SMB1, _SMB2 = 0xFF534D42, 0xFE534D42
_SMB1_SESSION_SETUP, _SMB2_SESSION_SETUP = 0x73, 1


@kernel
def _is_kerberos(data: Bytes, at: int, end: int) -> bool:
    """AS-REQ, AS-REP, TGS-REP or KRB-ERROR (RFC 4120 §5.4, §5.9): application tags 10, 11, 13 and 30."""
    tag = u8(data, at, end)
    return tag == 0x6A or tag == 0x6B or tag == 0x6D or tag == 0x7E


@kernel
def _is_identity_datagram(data: Bytes, at: int, end: int, port: int) -> bool:
    if port in (DHCP_SERVER, DHCP_CLIENT):
        return be32(data, at + _DHCP_OPTIONS, end) == _DHCP_COOKIE
    if port == KERBEROS:
        return _is_kerberos(data, at, end)
    if port in (MDNS, LLMNR):
        return u8(data, at + 2, end) & 0x80 != 0 and be16(data, at + 6, end) > 0  # answers
    if port == NETBIOS_NAMES:
        return u8(data, at + 2, end) >> 3 in (5, 8, 9)  # registration, refresh
    if port in (DHCP6_CLIENT, DHCP6_SERVER):
        return 1 <= u8(data, at, end) <= 13
    return (port in (RADIUS, RADIUS_OLD)) and u8(data, at, end) == 4  # Accounting-Request


@kernel
def _is_identity_segment(data: Bytes, at: int, end: int, port: int) -> bool:
    if port == KERBEROS:
        return u8(data, at, end) == 0 and _is_kerberos(data, at + 4, end)
    if port != SMB or u8(data, at, end) != 0:
        return False
    if be32(data, at + 4, end) == _SMB2:
        return le16(data, at + 16, end) == _SMB2_SESSION_SETUP and u8(data, at + 20, end) & 1 == 0
    if be32(data, at + 4, end) == _SMB1:
        return u8(data, at + 8, end) == _SMB1_SESSION_SETUP and u8(data, at + 13, end) & 0x80 == 0
    return False


@kernel
def is_identity(data: Bytes, packet: Records) -> bool:
    """True if a packet may identify the holder of an address."""
    if packet["fragment"] > 0 or packet["reassembled"] > 0:
        return False
    at, end = i64(packet["payload"]), i64(packet["end"])
    port = min(i64(packet["source_port"]), i64(packet["target_port"]))
    if packet["protocol"] == TCP:
        return _is_identity_segment(data, at, end, port)
    return port != 443 and port <= LLMNR and _is_identity_datagram(data, at, end, port)


@kernel
def affords(minute: Records, control: Records) -> bool:
    """True if one more message may be emitted in this second; counts it either way."""
    second = i64(control["clock"]) // SECOND
    if second != control["identity_second"]:
        control["identity_second"], control["identity_messages"] = second, 0
    control["identity_messages"] += 1
    minute["identity_messages"] += 1
    if control["identity_messages"] > BUDGET_PER_S:
        minute["identity_skipped"] += 1
        return False
    return True
