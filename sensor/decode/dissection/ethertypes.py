"""Payload types of layers below IP: ethertypes, and own numbers for types without one."""

from __future__ import annotations

IPV4 = 0x0800
IPV6 = 0x86DD
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
