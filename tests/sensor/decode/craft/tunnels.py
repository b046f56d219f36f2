"""Frames in tunnels, and the traffic that is put in them."""

from __future__ import annotations

import struct
from collections.abc import Callable

from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
from scapy.contrib.geneve import GENEVE
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import GRE, IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from tests.sensor.decode.craft import (
    CLIENT_MAC,
    Frame,
    Talk,
    ethernet,
    ip,
    udp,
)
from tests.sensor.decode.craft.tls import small_hello

A, B = "192.0.2.1", "192.0.2.2"
A6, B6 = "2001:db8:1::1", "2001:db8:1::2"

#: What wraps an Ethernet frame; it gives another one.
Wrap = Callable[[bytes], bytes]


def network(frame: bytes) -> tuple[int, bytes]:
    """Ethertype and IP packet of an untagged frame."""
    return int.from_bytes(frame[12:14], "big"), frame[14:]


def over_udp(port: int, header: bytes, inner: bytes, *, source: int = 50001) -> bytes:
    return ethernet(ip(A, B, 17, udp(source, port, header + inner)))


def over_gre(flags: int, kind: int, fields: bytes, inner: bytes) -> bytes:
    return ethernet(ip(A, B, 47, struct.pack(">HH", flags, kind) + fields + inner))


def wlan(
    frame: bytes, *, control: int = 8, flags: int = 1, aggregate: bool = False, padding: int = 0,
    swapped: bool = False,
) -> bytes:  # fmt: skip
    """The frame as an IEEE 802.11 data frame: to the access point, from it, or between two."""
    kind, packet = network(frame)
    to, sender, other = frame[:6], frame[6:12], bytes(6)
    addresses = {0: to + sender + other, 1: other + sender + to, 2: to + other + sender, 3: other * 2 + to}
    head = (
        bytes([flags, control] if swapped else [control, flags]) + bytes(2) + addresses[flags & 3] + bytes(2)
    )
    head += sender if flags & 3 == 3 else b""
    head += bytes([0x80 if aggregate else 0, 0]) if control & 0x80 else b""
    head += bytes(4) if flags & 0x80 else b""
    snap = b"\xaa\xaa\3\0\0\0" + struct.pack(">H", kind) + packet
    sub = to + sender + struct.pack(">H", len(snap)) if aggregate else b""
    return head + bytes(padding) + sub + snap


def scapy_ether() -> Ether:
    return Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:98")


def qinq(frame: bytes) -> bytes:
    kind, packet = network(frame)
    tagged = Dot1AD(vlan=200) / Dot1Q(vlan=100, type=kind) / Raw(packet)
    return bytes(Ether(src=CLIENT_MAC.hex(":"), dst="02:00:00:00:00:01") / tagged)


def vxlan(frame: bytes, number: int = 7) -> bytes:
    return bytes(scapy_ether() / IP(src=A, dst=B) / UDP(sport=50001) / VXLAN(vni=number) / Raw(frame))


def geneve(frame: bytes, number: int = 5) -> bytes:
    options = bytes.fromhex("0102800100000009")
    header = bytes(GENEVE(vni=number, proto=0x6558, optionlen=2))[:8] + options
    return over_udp(6081, header, frame)


def gre_of_ip(frame: bytes, key: int = 16) -> bytes:
    kind, packet = network(frame)
    layers = IP(src=A, dst=B) / GRE(key_present=1, key=key, seqnum_present=1, chksum_present=1, proto=kind)
    return bytes(scapy_ether() / layers / Raw(packet))


def gre_of_ethernet(frame: bytes) -> bytes:
    return over_gre(0, 0x6558, b"", frame)


def erspan_1(frame: bytes) -> bytes:
    return over_gre(0, 0x88BE, b"", frame)


def erspan_2(frame: bytes, session: int = 3) -> bytes:
    layers = GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II(session_id=session, vlan=10)
    return bytes(scapy_ether() / IP(src=A, dst=B) / layers / Raw(frame))


def erspan_3(frame: bytes) -> bytes:
    layers = GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(session_id=3, d=0, o=0)
    return bytes(scapy_ether() / IP(src=A, dst=B) / layers / Raw(frame))


def erspan_3_with_subheader(frame: bytes) -> bytes:
    head = struct.pack(">III", 2 << 28 | 10 << 16 | 3, 123456, 9 << 16 | 1)
    return over_gre(0x1000, 0x22EB, struct.pack(">I", 1) + head + bytes(8), frame)


def mpls(frame: bytes) -> bytes:
    _, packet = network(frame)
    stack = MPLS(label=99, s=0) / MPLS(label=16, s=1)
    return bytes(Ether(src=CLIENT_MAC.hex(":"), type=0x8847) / stack / Raw(packet))


def pseudowire(frame: bytes, word: bytes = b"") -> bytes:
    return ethernet(struct.pack(">I", 16 << 12 | 0x1FF) + word + frame, kind=0x8847)


def pppoe(frame: bytes) -> bytes:
    kind, packet = network(frame)
    session = PPPoE(sessionid=4) / PPP(proto=0x21 if kind == 0x0800 else 0x57) / Raw(packet)
    return bytes(Ether(src=CLIENT_MAC.hex(":"), dst="02:00:00:00:00:01") / session)


def ipip(frame: bytes) -> bytes:
    kind, packet = network(frame)
    return ethernet(ip(A, B, 4 if kind == 0x0800 else 41, packet))


def ip_over_ipv6(frame: bytes) -> bytes:
    kind, packet = network(frame)
    return ethernet(ip(A6, B6, 4 if kind == 0x0800 else 41, packet), kind=0x86DD)


def talk(name: str, *, six: bool, port: int = 40000) -> list[Frame]:
    """A connection with a hello for `name`, an answer of 3,000 bytes, and its end."""
    ends = {"client": "fd00::5", "server": "2001:db8::9"} if six else {}
    spoken = Talk(port=port, **ends).shake().send(small_hello(name.encode()))
    return spoken.reply(bytes(1400)).reply(bytes(1600)).close().frames


def wrapped(frames: list[Frame], wrap: Wrap) -> list[Frame]:
    return [Frame(wrap(frame.data), frame.time) for frame in frames]
