"""Messages that are legal but seldom: odd queries and requests, fragments in any order, prefixes, SNAP."""

from __future__ import annotations

import struct

import polars as pl
import pytest

from tests.sensor.decode.craft import ACK, CLIENT, SERVER, Frame, Talk, decode, ethernet, ip, one, pcap, udp
from tests.sensor.decode.craft.fragments import parts, timed
from tests.sensor.decode.craft.quic import crypto, seal
from tests.sensor.decode.craft.tls import small_hello


def query(host: bytes, flags: int = 0x0100, more: bytes = b"", count: int = 1) -> bytes:
    name = b"".join(bytes([len(part)]) + part for part in host.split(b".")) + b"\0"
    return struct.pack(">6H", 7, flags, count, 0, 0, 0) + name + b"\0\1\0\1" + more


def looked_up(message: bytes) -> dict[str, pl.DataFrame]:
    return decode(pcap([Frame(ethernet(ip(CLIENT, SERVER, 17, udp(5000, 53, message))))]))


def test_a_query_with_the_reserved_bit_is_read() -> None:
    rows = looked_up(query(b"a.example", 0x0140))["observations"]
    assert rows["host"].to_list() == ["a.example"]


def test_two_questions_at_once_are_no_lookup_but_counted() -> None:
    got = looked_up(query(b"a.example", more=b"\1b\xc0\x0e\0\1\0\1", count=2))  # RFC 9619 forbids them
    assert got["observations"].height == 0
    assert got["coverage"]["rejected"].sum() == 1


@pytest.mark.parametrize("pieces", [[0, 1, 2], [2, 1, 0]], ids=["in order", "backwards"])
def test_an_initial_in_fragments(pieces: list[int]) -> None:
    initial = seal(crypto(0, small_hello(b"a.example", padding=200)[5:]), 1)
    frames = parts(udp(50000, 443, initial), 504)
    assert {
        r["host"] for r in decode(pcap(timed([frames[n] for n in pieces])))["observations"].to_dicts()
    } == {"a.example"}


def test_a_hello_in_fragments_that_come_backwards() -> None:
    frames = Talk().shake().send(small_hello(b"a.example", padding=200)).frames
    segment = frames[3].data[34:]
    fragments = parts(segment, 104, protocol=6)
    backwards = [Frame(data, frames[3].time + n * 1e-5) for n, data in enumerate(fragments[::-1])]
    rows = decode(pcap([*frames[:3], *backwards]))["observations"]
    assert rows["host"].to_list() == ["a.example"]


METHODS = (
    b"PROPFIND", b"REPORT", b"MKCOL", b"LOCK", b"SEARCH", b"NOTIFY", b"SUBSCRIBE", b"QUERY", b"MERGE",
    b"RPC_IN_DATA", b"RPC_OUT_DATA", b"\r\nGET",
)  # fmt: skip


@pytest.mark.parametrize("request_line", [method + b" / HTTP/1.1" for method in METHODS])
def test_other_requests_are_named(request_line: bytes) -> None:
    frames = Talk(server_port=80).shake().send(request_line + b"\r\nHost: a.example\r\n\r\n").frames
    assert one(frames)["host"] == "a.example"


def test_a_hello_behind_a_proxy_header_in_the_same_segment() -> None:
    line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n"
    assert one(Talk().shake().send(line + small_hello(b"a.example")).frames)["host"] == "a.example"


@pytest.mark.parametrize("cuts", [(0, 42, 142), (0, 142), (0, 200)])
def test_a_proxy_header_whose_segment_comes_last(cuts: tuple[int, ...]) -> None:
    said = b"PROXY TCP4 192.0.2.1 192.0.2.20 1000 443\r\n" + small_hello(b"a.example")
    talk = Talk().shake()
    for first, last in list(zip(cuts, (*cuts[1:], len(said)), strict=True))[::-1]:
        talk.put("up", talk.up + first, talk.down, ACK, said[first:last])
    assert one(talk.frames)["host"] == "a.example"


def test_ethernet_with_a_length_and_snap() -> None:
    frames = Talk().shake().send(small_hello(b"a.example")).frames
    snap = []
    for frame in frames:
        length = struct.pack(">H", len(frame.data) - 6)
        data = frame.data[:12] + length + bytes.fromhex("aaaa03000000") + frame.data[12:]
        snap.append(Frame(data, frame.time))
    assert one(snap)["host"] == "a.example"
