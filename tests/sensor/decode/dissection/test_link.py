"""Frames: tags, IP headers, link types, and the reason when one cannot be used."""

from __future__ import annotations

import struct

import pytest

from tests.sensor.decode.craft import (
    CLIENT,
    CLIENT_MAC,
    DATAGRAM,
    DATAGRAM6,
    SERVER,
    Frame,
    conserves,
    decode,
    ethernet,
    ip,
    pcap,
    reason,
    tcp,
    udp,
)


def bytes_up(data: bytes, link: int = 1) -> int:
    got = decode(pcap([Frame(data)], link=link))
    conserves(got["coverage"], 1)
    rows = got["observations"]
    return int(rows["bytes_up"].sum()) if rows.height else -1


@pytest.mark.parametrize(
    "tags", [[], [(0x8100, 10)], [(0x88A8, 200), (0x8100, 100)], [(0x9100, 1), (0x8100, 2), (0x8100, 3)] * 2]
)
@pytest.mark.parametrize("six", [False, True])
def test_tags_of_any_depth(tags: list[tuple[int, int]], six: bool) -> None:
    data = ethernet(DATAGRAM6 if six else DATAGRAM, kind=0x86DD if six else 0x0800, tags=tags)
    assert bytes_up(data) == 7
    assert bytes_up(data + bytes(30)) == 7  # padding is no payload


@pytest.mark.parametrize("hops", [63, 64, 127, 128, 254, 255])
@pytest.mark.parametrize("tags", [[], [(0x88A8, 200), (0x8100, 100)]])  # either path of the dissection
@pytest.mark.parametrize("six", [False, True])
def test_a_hardware_address_is_the_clients_if_no_router_lowered_the_hops(
    six: bool, tags: list[tuple[int, int]], hops: int
) -> None:
    data = bytearray(ethernet(DATAGRAM6 if six else DATAGRAM, kind=0x86DD if six else 0x0800, tags=tags))
    data[14 + 4 * len(tags) + (7 if six else 8)] = hops
    macs = decode(pcap([Frame(bytes(data))]))["observations"]["client_mac"].to_list()
    assert macs == [CLIENT_MAC.hex(":") if hops in (64, 128, 255) else None]


@pytest.mark.parametrize(
    ("link", "head"),
    [
        (101, b""),
        (12, b""),
        (228, b""),
        (0, struct.pack("<I", 2)),
        (108, struct.pack(">I", 2)),
        (113, struct.pack(">HHH8sH", 0, 1, 6, b"\x02" * 8, 0x0800)),
        (276, struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, b"\x02" * 8)),
        (9, b"\xff\x03\x00\x21"),
        (9, b"\x00\x21"),
        (9, b"\xff\x03\x21"),
        (50, b"\x21"),
        (51, b"\x11\x00\x00\x07" + struct.pack(">H", 2 + len(DATAGRAM)) + b"\x00\x21"),
        (104, b"\x0f\x00\x08\x00"),
    ],
)
def test_link_types(link: int, head: bytes) -> None:
    assert bytes_up(head + DATAGRAM, link) == 7


@pytest.mark.parametrize(
    "chain",
    [
        [(0, bytes(6))],
        [(0, bytes(6)), (60, bytes(14)), (43, bytes(6))],
        [(44, struct.pack(">xHI", 1, 9)[:7])],
    ],
)
def test_ipv6_extension_headers(chain: list[tuple[int, bytes]]) -> None:
    body = udp(40000, 9, b"payload")
    following = 17
    for kind, rest in reversed(chain):
        if kind == 44:
            body = bytes([following]) + b"\0" + struct.pack(">HI", 1, 9) + body
        else:
            body = bytes([following, (len(rest) + 2) // 8 - 1]) + rest + body
        following = kind
    assert bytes_up(ethernet(ip("fd00::5", "2001:db8::9", following, body), kind=0x86DD)) == 7


def test_reasons() -> None:
    segment = tcp(1, 2, 3, payload=b"x")
    assert reason(ethernet(bytes(46), kind=0x0806)) == "non_ip"
    assert reason(ethernet(ip(CLIENT, SERVER, 1, bytes(8)))) == "other_transport"
    assert reason(DATAGRAM, link=147) == "undecoded_link"
    assert reason(ethernet(b"\x44" + DATAGRAM[1:])) == "malformed"
    assert reason(ethernet(ip(CLIENT, SERVER, 6, segment[:12] + b"\x10" + segment[13:]))) == "malformed"
    assert reason(ethernet(ip(CLIENT, SERVER, 6, segment, total=30))) == "malformed"
    assert reason(ethernet(ip(CLIENT, SERVER, 17, udp(1, 2, b"")[:5]))) == "malformed"
    assert reason(ethernet(DATAGRAM[:6] + b"\x00\x05" + DATAGRAM[8:])) == "fragments"
    assert reason(ethernet(DATAGRAM)[:30], length=49) == "truncated"
    assert reason(ethernet(DATAGRAM)[:30]) == "malformed"
    assert reason(b"\1\2\3") == "malformed"
    assert reason(b"") == "malformed"


def test_offloaded_packets_longer_than_their_header_can_say() -> None:
    big = ip(CLIENT, SERVER, 6, tcp(1, 2, 3, payload=bytes(70_000)), total=0)
    assert bytes_up(ethernet(big)) == 70_000
    big6 = ip("fd00::5", "2001:db8::9", 6, tcp(1, 2, 3, payload=bytes(70_000)), total=0)
    assert bytes_up(ethernet(big6, kind=0x86DD)) == 70_000
