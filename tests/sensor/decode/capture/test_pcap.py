"""Containers: every layout gives the same frames; a cut file is read up to the cut."""

from __future__ import annotations

import struct

import pytest

from sensor.decode.capture.formats import first_time
from sensor.decode.capture.reader import DAMAGED
from tests.sensor.decode.craft import (
    T0,
    Talk,
    block,
    conserves,
    decode,
    pcap,
    section,
    totals,
)

FRAMES = Talk().shake().send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").reply(b"y" * 700).close().frames
PLAIN, PLAIN_COVERAGE = (decode(pcap(FRAMES))[name] for name in ("observations", "coverage"))


def interface(link: int = 1, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(data: bytes, ticks: int, port: int = 0, order: str = "<") -> bytes:
    head = struct.pack(order + "IIIII", port, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_variants(order: str, nano: bool) -> None:
    assert decode(pcap(FRAMES, order=order, nano=nano))["observations"].equals(PLAIN)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_with_several_interfaces_and_unknown_blocks(order: str) -> None:
    resolution = [option(9, b"\x06", order), option(9, b"\x09", order), option(9, b"\x94", order), b""]
    scale = [1_000_000, 1_000_000_000, 1 << 20, 1_000_000]
    content = section(order) + b"".join(interface(options=o, order=order) for o in resolution)
    for n, frame in enumerate(FRAMES):
        ticks = round(frame.time * 1_000_000) * scale[n % 4] // 1_000_000
        if n % 4 == 2:
            ticks += 1  # half microseconds of 2^-20 s round down
        content += enhanced(frame.data, ticks, n % 4, order) + block(0xBAD, bytes(n * 4), order)
    got = decode(content)
    assert got["observations"]["bytes_down"].to_list() == [700]
    assert got["observations"]["host"].to_list() == ["a.example"]
    drift = (got["observations"]["seen_at"] - PLAIN["seen_at"]).dt.total_microseconds().abs().max()
    assert drift <= 1
    conserves(got["coverage"], len(FRAMES))


def test_pcapng_offset_simple_packets_and_drops() -> None:
    offset = struct.pack("<q", int(T0))
    content = section() + interface(options=option(14, offset))
    content += enhanced(FRAMES[0].data, 5_000_000)
    content += b"".join(block(3, struct.pack("<I", len(f.data)) + f.data) for f in FRAMES[1:])
    statistics = (
        struct.pack("<III", 0, 0, 0) + option(5, struct.pack("<Q", 7)) + option(7, struct.pack("<Q", 2))
    )
    content += block(5, statistics)
    got = decode(content)
    assert got["observations"]["bytes_down"].to_list() == [700]
    assert got["observations"]["seen_at"][0].timestamp() == T0 + 5
    assert first_time(content) == (T0 + 5) * 1_000_000  # by which the files of an input are ordered
    assert totals(got["coverage"])["kernel_drops"] == 9


def test_pcapng_unknown_interface_is_counted() -> None:
    content = section() + interface() + enhanced(FRAMES[0].data, 1, port=7)
    got = decode(content)
    assert totals(got["coverage"])["undecoded_link"] == 1


def test_pcapng_put_together_from_a_thousand_captures() -> None:
    """Each brings an interface of its own."""
    ticks = round(T0 * 1_000_000)
    content = section() + interface() * 1000
    content += b"".join(enhanced(frame.data, ticks + n, 990 + n) for n, frame in enumerate(FRAMES))
    assert decode(content)["observations"]["host"].to_list() == ["a.example"]


def test_a_second_section_starts_over() -> None:
    ticks = round(T0 * 1_000_000)
    first = section("<") + interface() + enhanced(FRAMES[0].data, ticks)
    second = section(">") + interface(order=">") + enhanced(FRAMES[1].data, ticks + 1, order=">")
    assert decode(first + second)["observations"]["packets_down"].to_list() == [1]


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_cut_anywhere_everything_before_the_cut_is_kept(kind: str) -> None:
    few = FRAMES[:3]
    pieces = [pcap([])] if kind == "pcap" else [section() + interface()]
    for frame in few:
        ticks = round(frame.time * 1_000_000)
        pieces.append(pcap([frame])[24:] if kind == "pcap" else enhanced(frame.data, ticks))
    content = b"".join(pieces)
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    for cut in range(len(pieces[0]), len(content) + 1, 3):
        got = decode(content[:cut])
        whole = sum(end <= cut for end in ends[1:])
        assert totals(got["coverage"]).get("packets", 0) == whole
        assert got["rejects"]["reason"].to_list() == ([] if cut in ends else ["truncated capture"])


def test_a_corrupt_record_is_reported_with_its_place() -> None:
    content = pcap(FRAMES[:2]) + struct.pack("<IIII", 1, 2, 0xFFFFFFF0, 60) + bytes(100)
    got = decode(content)
    row = got["rejects"].to_dicts()[0]
    assert (row["reason"], row["place"]) == (DAMAGED, f"byte {len(pcap(FRAMES[:2]))}")
    conserves(got["coverage"], 2)


@pytest.mark.parametrize("first", ["pcap", "pcapng"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_what_cat_puts_together_is_read_on(first: str, order: str) -> None:
    """It was a packet of 2055, and the end."""
    enough = [FRAMES[0]] * 100  # more than is looked ahead
    second = pcap(FRAMES, order=order, nano=True)
    if first == "pcap":
        content = pcap(enough) + second + section() + interface() + enhanced(FRAMES[0].data, 1)
    else:
        ticks = round(T0 * 1_000_000)
        content = section() + interface() + b"".join(enhanced(f.data, ticks) for f in enough) + second
    got = decode(content)
    assert got["rejects"].is_empty()
    assert got["coverage"]["last_seen"].max() == PLAIN_COVERAGE["last_seen"].max()
    assert got["observations"]["host"].drop_nulls().to_list() == ["a.example"]
    conserves(got["coverage"], 100 + len(FRAMES) + (first == "pcap"))


def test_a_hole_and_records_out_of_step_are_no_packets() -> None:
    """They made thousands, on as many days since 1970."""
    hole = decode(pcap(FRAMES) + bytes(10_000))
    assert hole["rejects"]["reason"].to_list() == [DAMAGED]
    conserves(hole["coverage"], len(FRAMES))
    long = pcap(FRAMES) + struct.pack("<4I", 1, 2, 60, 0xFFFF_0000) + bytes(1000)
    assert decode(long)["rejects"]["place"].to_list() == [f"byte {len(pcap(FRAMES))}"]


def test_an_empty_capture_has_no_rows() -> None:
    got = decode(pcap([]))
    assert got and not [name for name, frame in got.items() if frame.height]
