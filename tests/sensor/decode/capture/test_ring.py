"""Ring blocks made by hand: honest ones give frames as on the wire, hostile ones give counts and an end."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.decode.capture import ring
from sensor.decode.capture.ring import PACKET_HEADER, describe_block, masks
from sensor.decode.layout import DESCRIPTOR, PACKET, records
from tests.sensor.decode.craft import ethernet, ip, udp

SIZE = 4096
ROOM = records(PACKET, 1)
MAC_OFFSET = 82
HOST = 0
VLAN_VALID = 0x10


def packet(
    data: bytes, *, kind: int = HOST, status: int = 1, tag: int = 0, tpid: int = 0, length: int | None = None,
    next_offset: int | None = None, offset: int = MAC_OFFSET, captured: int | None = None,
) -> bytes:  # fmt: skip
    """A tpacket3_hdr, a sockaddr_ll and the frame, as the kernel lays them out."""
    room = (offset + len(data) + 15) // 16 * 16
    step = room if next_offset is None else next_offset
    size = len(data) if captured is None else captured
    header = struct.pack(
        "<6I2H2IH10x", step, 1_700_000_000, 123_456_789, size, length or len(data), status, offset,
        offset + 14, 0, tag, tpid,
    )  # fmt: skip
    address = struct.pack("<HHiHBB8s", 17, 8, 3, 1, kind, 6, b"")
    assert len(header + address) == PACKET_HEADER
    return (header + address).ljust(offset, b"\0") + data + bytes(room - offset - len(data))


def block(
    packets: Sequence[bytes], *, count: int | None = None, first: int = 48, used: int | None = None
) -> bytes:
    body = b"".join(packets)
    header = struct.pack("<6IQ4I", 1, 0, 1, len(packets) if count is None else count, first,
                         48 + len(body) if used is None else used, 7, 0, 0, 0, 0)  # fmt: skip
    return (header + body).ljust(SIZE, b"\0")


def described(
    content: bytes, *, start: int = 0, link: int = 1, exclude: Sequence[str] = ()
) -> tuple[list[tuple[bytes, int, int]], tuple[int, int]]:
    """((frame, length, time) of each descriptor), (excluded, damaged)."""
    data = np.frombuffer(bytearray(content), np.uint8)
    made = records(DESCRIPTOR, 64)
    counts = np.zeros(ring.COUNTS, np.int64)
    count = describe_block(data, start, SIZE, link, 0, masks(exclude), ROOM, made, counts, ring.new_tags())
    assert counts[ring.FRAMES] == count
    assert counts[ring.WIRE_BYTES] == made["length"][:count].sum()
    assert counts[ring.NEWEST] == (made[count - 1]["time"] if count else 0)
    frames = []
    for row in made[:count]:
        assert start <= row["offset"] and row["offset"] + row["captured"] <= start + SIZE
        frames.append(
            (
                data[row["offset"] : row["offset"] + row["captured"]].tobytes(),
                int(row["length"]),
                int(row["time"]),
            )
        )
    return frames, (int(counts[ring.EXCLUDED]), int(counts[ring.DAMAGED]))


FRAME = ethernet(ip("10.1.0.5", "203.0.113.9", 17, bytes(20)))
TIME = 1_700_000_000_123_456


def test_frames_with_their_length_and_time() -> None:
    last = packet(b"short" * 10, length=1514, next_offset=0)
    frames, others = described(block([packet(FRAME), packet(FRAME + b"!"), last]))
    assert frames == [
        (FRAME, len(FRAME), TIME),
        (FRAME + b"!", len(FRAME) + 1, TIME),
        (b"short" * 10, 1514, TIME),
    ]
    assert others == (0, 0)


def test_a_block_in_the_middle_of_the_ring() -> None:
    before = b"\xff" * SIZE
    frames, others = described(before + block([packet(FRAME)]) + before, start=SIZE)
    assert frames == [(FRAME, len(FRAME), TIME)]
    assert others == (0, 0)


@pytest.mark.parametrize(("status", "tpid", "ethertype"), [(0x10, 0x88A8, 0x8100), (0x50, 0x88A8, 0x88A8)])
def test_the_tag_is_back_where_it_was(status: int, tpid: int, ethertype: int) -> None:
    frames, _ = described(block([packet(FRAME, status=status, tag=0x6007, tpid=tpid), packet(FRAME)]))
    tagged = FRAME[:12] + struct.pack(">HH", ethertype, 0x6007) + FRAME[12:]
    assert frames == [(tagged, len(tagged), TIME), (FRAME, len(FRAME), TIME)]


def test_no_room_for_the_tag_leaves_the_frame() -> None:
    frames, _ = described(block([packet(FRAME, status=VLAN_VALID, tag=7, offset=PACKET_HEADER)]))
    assert frames == [(FRAME, len(FRAME), TIME)]


@pytest.mark.parametrize(
    ("source", "target", "networks", "excluded"),
    [
        ("10.99.1.2", "203.0.113.9", ["10.99.0.0/16"], 1),
        ("203.0.113.9", "10.99.1.2", ["192.0.2.0/24", "10.99.0.0/16"], 1),
        ("10.98.1.2", "203.0.113.9", ["10.99.0.0/16", "2001:db8::/32"], 0),
        ("2001:db8:5::1", "2001:4860::2", ["2001:db8:5::/48"], 1),
        ("2001:db8:6::1", "2001:4860::2", ["2001:db8:5::/48", "10.0.0.0/8"], 0),
        ("2001:4860::2", "2001:db8:5::1", ["::/0"], 1),
        ("10.1.1.1", "10.1.1.2", ["0.0.0.0/0"], 1),
    ],
)
def test_networks_not_to_be_looked_at(source: str, target: str, networks: list[str], excluded: int) -> None:
    kind = 0x86DD if ":" in source else 0x0800
    inner = ip(source, target, 17, bytes(20))
    for frame, link in (
        (ethernet(inner, kind=kind), 1),
        (ethernet(inner, kind=kind, tags=[(0x88A8, 5), (0x8100, 6)]), 1),
        (inner, 101),
    ):
        frames, others = described(block([packet(frame)]), link=link, exclude=networks)
        assert (len(frames), others) == (1 - excluded, (excluded, 0))


def test_a_guest_inside_a_tunnel_is_not_looked_at_either() -> None:
    guest = ethernet(ip("10.99.1.2", "203.0.113.9", 17, udp(1, 2, b"x")))
    for inner, excluded in ((guest, 1), (ethernet(ip("10.98.1.2", "203.0.113.9", 17, udp(1, 2, b"x"))), 0)):
        vxlan = struct.pack(">II", 8 << 24, 7 << 8) + inner
        outer = ethernet(ip("192.0.2.1", "192.0.2.2", 17, udp(1, 4789, vxlan)))
        gre = ethernet(ip("192.0.2.1", "192.0.2.2", 47, b"\0\0\x08\0" + inner[14:]))
        pppoe = ethernet(b"\x11\0\0\1\0\0\0\x21" + inner[14:], kind=0x8864)
        for frame in (outer, gre, pppoe):
            frames, others = described(block([packet(frame)]), exclude=["10.99.0.0/16"])
            assert (len(frames), others) == (1 - excluded, (excluded, 0))


def test_what_is_no_ip_is_never_excluded() -> None:
    arp = ethernet(bytes(28), kind=0x0806)
    for frame in (arp, FRAME[:20], b"", ethernet(b"", tags=[(0x8100, 1)] * 300)):
        frames, _ = described(block([packet(frame)]), exclude=["0.0.0.0/0", "::/0"])
        assert [f for f, _, _ in frames] == [frame]


@pytest.mark.parametrize(
    ("content", "frames", "damaged"),
    [
        (block([packet(FRAME, next_offset=0), packet(FRAME)]), 1, 1),  # no way to the second
        (block([packet(FRAME, next_offset=16), packet(FRAME)]), 1, 1),  # into its own header
        (block([packet(FRAME, next_offset=0xFFFFFFF0), packet(FRAME)]), 1, 1),
        (block([packet(FRAME, captured=SIZE), packet(FRAME)]), 1, 1),  # a frame beyond the block
        (block([packet(FRAME, captured=0xFFFFFFFF)]), 0, 1),
        (block([packet(FRAME)], first=SIZE), 0, 1),
        (block([packet(FRAME)], first=0xFFFFFFFF), 0, 1),
        (block([packet(FRAME)], first=0), 0, 1),  # the header as a packet
        (block([packet(FRAME)], used=0), 0, 1),
        (block([packet(FRAME)], used=0xFFFFFFFF), 1, 0),
        (block([packet(FRAME)], count=0xFFFFFFFF), 1, 0xFFFFFFFE),
        (block([packet(FRAME)], count=0), 0, 0),
        (b"\xff" * SIZE, 0, 0xFFFFFFFF),
        (bytes(SIZE), 0, 0),
    ],
)  # fmt: skip
def test_a_block_that_contradicts_itself(content: bytes, frames: int, damaged: int) -> None:
    got, others = described(content)
    assert len(got) == frames
    assert others == (0, damaged)


def test_an_offset_into_the_headers_is_no_frame() -> None:
    content = bytearray(block([packet(FRAME)]))
    content[48 + 24 : 48 + 26] = struct.pack("<H", 10)
    assert described(bytes(content)) == ([], (0, 1))


def test_more_packets_than_room() -> None:
    data = np.frombuffer(bytearray(block([packet(b"x")] * 20)), np.uint8)
    made = records(DESCRIPTOR, 8)
    counts = np.zeros(ring.COUNTS, np.int64)
    assert describe_block(data, 0, SIZE, 1, 0, masks(()), ROOM, made, counts, ring.new_tags()) == 8
    assert counts[ring.DAMAGED] == 12


def test_counts_add_up_from_block_to_block() -> None:
    content = block([packet(FRAME, length=1514), packet(FRAME)])
    counts, made = np.zeros(ring.COUNTS, np.int64), records(DESCRIPTOR, 8)
    for _ in range(2):
        data = np.frombuffer(bytearray(content), np.uint8)
        describe_block(data, 0, SIZE, 1, 0, masks(()), ROOM, made, counts, ring.new_tags())
    assert counts[ring.SHORTENED] == 2
    assert counts[ring.FRAMES] == 4
    assert counts[ring.WIRE_BYTES] == 2 * (1514 + len(FRAME))


def seen_vlans(packets: Sequence[bytes], link: int = 1) -> list[int]:
    """After blocks of 20 packets each."""
    tags = ring.new_tags()
    counts, made = np.zeros(ring.COUNTS, np.int64), records(DESCRIPTOR, 64)
    for first in range(0, len(packets), 20):
        data = np.frombuffer(bytearray(block(packets[first : first + 20])), np.uint8)
        describe_block(data, 0, SIZE, link, 0, masks(()), ROOM, made, counts, tags)
    return ring.vlans(tags)


def tagged(*vlans: int) -> bytes:
    return ethernet(bytes(20), tags=[(0x8100, vlan) for vlan in vlans])


def test_vlans_in_order_of_appearance() -> None:
    packets = [
        packet(tagged(300, 20), status=0x51, tag=0x6007, tpid=0x88A8),  # the card took 7 out
        packet(tagged()),
        packet(tagged(20, 4095)),
        packet(tagged(0)),
    ]
    assert seen_vlans(packets) == [7, 300, 20, 4095]
    assert seen_vlans([packet(tagged(5))], link=101) == []


def test_no_more_vlans_than_there_is_room_for() -> None:
    assert seen_vlans([packet(tagged(vlan)) for vlan in range(40, 0, -1)]) == list(range(40, 8, -1))
    assert seen_vlans([packet(tagged(5)[:15]), packet(tagged(5)[:17])]) == [5]


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 2**32 - 1)), max_size=40), st.booleans())
def test_any_field_may_be_wrong(wrong: list[tuple[int, int]], exclude: bool) -> None:
    """Never raises, never reads or writes outside, and accounts for no more than the block claims."""
    content = bytearray(block([packet(FRAME, status=0x51, tag=9, tpid=0x8100)] * 7))
    for word, value in wrong:
        struct.pack_into("<I", content, word, value)
    guard = b"\xa5" * SIZE
    data = np.frombuffer(bytearray(guard + bytes(content) + guard), np.uint8)
    made = records(DESCRIPTOR, 64)
    networks = masks(["10.0.0.0/9"] if exclude else [])
    counts, tags = np.zeros(ring.COUNTS, np.int64), ring.new_tags()
    count = describe_block(data, SIZE, SIZE, 1, 0, networks, ROOM, made, counts, tags)
    others = counts[[ring.EXCLUDED, ring.DAMAGED]].sum()
    assert count + others == struct.unpack_from("<I", content, 12)[0]
    assert len(ring.vlans(tags)) <= ring.MAX_VLANS
    assert (made["offset"][:count] >= SIZE).all()
    assert (made["offset"][:count] + made["captured"][:count] <= 2 * SIZE).all()
    assert data[:SIZE].tobytes() == data[2 * SIZE :].tobytes() == guard
