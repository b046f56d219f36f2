"""Link types that are met seldom: the packet behind each header, and cuts anywhere."""

from __future__ import annotations

import struct

import pytest

from tests.sensor.decode.craft import (
    DATAGRAM,
    DATAGRAM6,
    FRAME,
    Frame,
    conserves,
    decode,
    ethernet,
    one,
    pcap,
    reason,
)
from tests.sensor.decode.craft.tunnels import talk, wlan

SNAP = bytes.fromhex("aaaa030000000800")
RADIO = struct.pack("<BBHI", 0, 0, 13, 0x2E) + bytes(5)
PRISM = struct.pack("<II", 0x44, 144) + bytes(136)
AVS = struct.pack(">II", 0x80211001, 64) + bytes(56)
NFLOG = b"\2\0\0\0" + struct.pack("<HH6x", 9, 10)[:9] + bytes(3) + struct.pack("<HH", 4 + len(DATAGRAM), 9)

HEADS: dict[str, tuple[int, bytes]] = {
    "802.11": (105, wlan(FRAME)),
    "802.11 from the access point": (105, wlan(FRAME, flags=2)),
    "802.11 between access points": (105, wlan(FRAME, flags=3)),
    "802.11 without an access point": (105, wlan(FRAME, flags=0)),
    "802.11 with quality of service": (105, wlan(FRAME, control=0x88)),
    "802.11 with high throughput control": (105, wlan(FRAME, control=0x88, flags=0x81)),
    "802.11 aggregate": (105, wlan(FRAME, control=0x88, aggregate=True)),
    "802.11, aligned": (105, wlan(FRAME, control=0x88, padding=2)),
    "radiotap": (127, RADIO + wlan(FRAME)),
    "prism": (119, PRISM + wlan(FRAME)),
    "avs": (163, AVS + wlan(FRAME)),
    "avs under the name of prism": (119, AVS + wlan(FRAME)),
    "ppi": (192, struct.pack("<BBHI", 0, 0, 8, 105) + wlan(FRAME)),
    "ppi of ethernet": (192, struct.pack("<BBHI", 0, 0, 12, 1) + bytes(4) + FRAME),
    "nflog": (239, NFLOG + DATAGRAM),
    "pflog": (117, bytes([61]) + bytes(63) + DATAGRAM),
    "enc": (109, bytes(12) + DATAGRAM),
    "token ring": (6, bytes(14) + SNAP + DATAGRAM),
    "token ring with a route": (6, bytes(8) + b"\x80" + bytes(5) + b"\x06" + bytes(5) + SNAP + DATAGRAM),
    "fddi": (10, bytes(13) + SNAP + DATAGRAM),
    "atm": (100, SNAP + DATAGRAM),
    "atm, bridged": (100, bytes.fromhex("aaaa030080c200070000") + FRAME),
    "frame relay": (107, b"\x18\x41\x03\xcc" + DATAGRAM),
    "frame relay of cisco": (107, b"\x18\x41\x08\x00" + DATAGRAM),
    "frame relay with snap": (107, b"\x18\x41\x03\0\x80\0\0\0\x08\0" + DATAGRAM),
    "sunatm": (123, b"\2\0\0\5" + SNAP + DATAGRAM),
    "sunatm, emulated lan": (123, b"\1\0\0\5\0\0" + FRAME),
    "ip over fibre channel": (122, bytes(16) + SNAP + DATAGRAM),
    "firewire": (138, bytes(16) + b"\x08\0" + DATAGRAM),
    "ppp with direction": (166, b"\0\xff\3\0\x21" + DATAGRAM),
    "cisco hdlc under the name of ppp": (50, b"\x0f\0\x08\0" + DATAGRAM),
    "net analyzer": (240, bytes(4) + FRAME),
    "epon": (259, bytes(8) + FRAME),
    "mpacket": (274, bytes(8) + FRAME),
    "broadcom tag": (281, FRAME[:12] + bytes(4) + FRAME[12:]),
    "broadcom tag before": (282, bytes(4) + FRAME),
    "marvell tag": (284, FRAME[:12] + bytes(4) + FRAME[12:]),
    "erf": (197, bytes(8) + struct.pack(">BBHHH", 2, 4, 0, 0, 0) + bytes(2) + FRAME),
    "erf with extensions": (
        197,
        bytes(8) + struct.pack(">BBHHH", 0x82, 4, 0, 0, 0) + b"\x83" + bytes(15) + bytes(2) + FRAME,
    ),
    "slip": (8, bytes(16) + DATAGRAM),
    "docsis": (143, bytes(6) + FRAME),
    "docsis with an extended header": (143, b"\1\4\0\0" + bytes(6) + FRAME),
    "hdlc with direction": (205, b"\1\x0f\0\x08\0" + DATAGRAM),
    "frame relay with direction": (206, b"\1\x18\x41\x03\xcc" + DATAGRAM),
    "mpls": (219, struct.pack(">I", 16 << 12 | 0x1FF) + DATAGRAM),
    "ipnet": (226, bytes(24) + DATAGRAM),
    "ip over infiniband": (242, bytes(40) + b"\x08\0\0\0" + DATAGRAM),
    "juniper ethernet": (178, b"MGC\1" + FRAME),
    "juniper ethernet with extensions": (178, b"MGC\x81\0\6" + bytes(6) + FRAME),
    "juniper without a link layer": (178, b"MGC\x82\0\2" + bytes(2) + b"\0\0\0\2" + DATAGRAM),
    "juniper ppp": (179, b"MGC\0\xff\3\0\x21" + DATAGRAM),
    "juniper hdlc": (181, b"MGC\0\x0f\0\x08\0" + DATAGRAM),
    "pktap as macos announces it": (149, struct.pack("<III", 108, 1, 1) + bytes(96) + FRAME),
    "pktap of ethernet": (258, struct.pack("<III", 108, 1, 1) + bytes(96) + FRAME),
    "pktap of a loopback": (258, struct.pack("<III", 108, 1, 0) + bytes(96) + b"\2\0\0\0" + DATAGRAM),
    "isl": (1, bytes.fromhex("01000c000000020000000001") + struct.pack(">H", 80)
            + bytes.fromhex("aaaa0300000c0002000000000000")[:12] + FRAME),
    "802.2 of ip": (1, FRAME[:12] + struct.pack(">H", 60) + b"\6\6\3" + DATAGRAM),
    "nsh": (1, ethernet(bytes.fromhex("0002020100000000") + DATAGRAM, kind=0x894F)),
    "trill": (1, ethernet(bytes.fromhex("004000010002") + bytes(4) + FRAME, kind=0x22F3)),
    "e-tag": (1, ethernet(bytes(6) + b"\x08\0" + DATAGRAM, kind=0x893F)),
    "fabricpath": (1, ethernet(b"\0\x60" + FRAME, kind=0x8903)),
    "time stamp of 64 bits": (1, ethernet(b"\0\1\0\x10" + bytes(8) + b"\x08\0" + DATAGRAM, kind=0xD28B)),
    "time stamp of 48 bits": (1, ethernet(b"\0\1\1\x20" + bytes(6) + b"\x08\0" + DATAGRAM, kind=0xD28B)),
    "macsec, signed": (1, ethernet(b"\x20\0" + bytes(12) + b"\x08\0" + DATAGRAM, kind=0x88E5)),
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADS)
def test_the_packet_behind(kind: str) -> None:
    link, data = HEADS[kind]
    got = decode(pcap([Frame(data)], link=link))
    conserves(got["coverage"], 1)
    assert got["observations"]["bytes_up"].to_list() == [7]


@pytest.mark.parametrize("kind", HEADS)
def test_cut_anywhere_it_is_counted(kind: str) -> None:
    link, data = HEADS[kind]
    cuts = [Frame(data[:size], length=len(data)) for size in range(len(data))]
    conserves(decode(pcap(cuts, link=link))["coverage"], len(cuts))


def test_a_connection_heard_by_a_monitor() -> None:
    frames = [Frame(RADIO + wlan(frame.data), frame.time) for frame in talk("claude.ai", six=False)]
    (row,) = decode(pcap(frames, link=127))["observations"].to_dicts()
    assert (row["host"], row["bytes_down"], row["client_mac"]) == ("claude.ai", 3000, "02:00:00:00:00:05")


def test_what_cannot_be_read() -> None:
    assert reason(wlan(FRAME, flags=0x41), link=105) == "non_ip"  # protected
    assert reason(wlan(FRAME, control=0x80)[:40], link=105) == "non_ip"  # a beacon
    assert reason(wlan(FRAME, control=0x48), link=105) == "non_ip"  # no data
    assert reason(ethernet(b"\x2c\0" + bytes(60), kind=0x88E5)) == "non_ip"  # MACsec, encrypted
    assert reason(bytes(60), link=239) == "non_ip"
    assert reason(b"MGD\1" + FRAME, link=178) == "non_ip"
    assert reason(FRAME, link=149) == "undecoded_link"  # USER2, but not of macOS


def test_six_over_802_11() -> None:
    assert one([Frame(ethernet(DATAGRAM6, kind=0x86DD))])["bytes_up"] == 7
    rows = decode(pcap([Frame(wlan(ethernet(DATAGRAM6, kind=0x86DD)))], link=105))["observations"]
    assert rows["bytes_up"].to_list() == [7]
