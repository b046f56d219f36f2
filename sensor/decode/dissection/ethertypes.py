"""Payload types of layers below IP: ethertypes (IEEE 802 Numbers), and own numbers for types without one."""

from __future__ import annotations

#: No payload type that is decoded.
UNKNOWN = 0

IPV4 = 0x0800
IPV6 = 0x86DD
ARP = 0x0806
#: VLAN tags (IEEE 802.1Q §9.4): of customers, of providers (802.1ad), and of providers before the standard.
VLAN, SERVICE_VLAN, OLD_SERVICE_VLAN = 0x8100, 0x88A8, 0x9100
MPLS = 0x8847
MPLS_MULTICAST = 0x8848
#: Transparent Ethernet bridging: the GRE protocol type, used here for any Ethernet frame.
BRIDGED = 0x6558
#: A network service header (RFC 8300).
NSH = 0x894F

CUT = -1
BY_NIBBLE = -2
"""IPv4 or IPv6, as its first four bits say."""
NO_TUNNEL = -3
TOO_DEEP = -4
UNKNOWN_LINK = -5
WLAN = -6
"""An IEEE 802.11 frame."""
PPP = -7
"""A PPP frame, with address and control or without."""
LLC = -8
"""An IEEE 802.2 header."""
LATER = -9
"""The middle of something: a later fragment."""
