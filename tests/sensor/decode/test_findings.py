"""Found by conformance, adversarial streams and fuzzing; each failed when it was written."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import polars as pl
import pytest

from sensor.decode.capture.formats import recognise
from sensor.decode.flows import prefetch
from sensor.decode.kernels import jit
from tests.sensor.decode.adversarial import WRAPS, Endpoints, tcp_flow
from tests.sensor.decode.craft import T0, Frame, Talk, block, decode, one, pcap, section, totals
from tests.sensor.decode.craft.tls import record, small_hello
from tests.sensor.decode.craft.traffic import flows_of


def hello_with(ciphers: int) -> bytes:
    name = bytes.fromhex("0000000e000c000009") + b"a.example"
    suites = b"".join((0x1301 + n).to_bytes(2, "big") for n in range(ciphers))
    body = b"\x03\x03" + bytes(33) + len(suites).to_bytes(2, "big") + suites + b"\1\0"
    body += len(name).to_bytes(2, "big") + name
    return record(b"\1" + len(body).to_bytes(3, "big") + body)


@pytest.mark.parametrize("ciphers", [204, 250, 1000])
def test_a_hello_of_many_ciphers_does_not_stop_the_scan(ciphers: int) -> None:
    """JA4's text was cut at 1,024 characters, and could not be split."""
    frames = Talk().shake().send(hello_with(ciphers)[:1400]).send(hello_with(ciphers)[1400:]).frames
    assert one(frames)["host"] == "a.example"


def test_ciphers_beyond_the_two_hundredth_count_in_ja4() -> None:
    two = [one(Talk().shake().send(hello_with(n)).frames)["ja4"] for n in (201, 202)]
    assert two[0] != two[1]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_hello_byte_by_byte(backwards: bool) -> None:
    """Segments were counted, and a lone H taken for an answer."""
    hello, ends = small_hello(b"claude.ai"), Endpoints(0, v6=False, wrap=WRAPS["plain"])
    segments = [(at, hello[at : at + 1], 0.0005) for at in range(len(hello))]
    frames = list(tcp_flow(ends, segments[::-1] if backwards else segments, 1000, T0))
    assert one(frames)["host"] == "claude.ai"


def test_every_order_of_a_short_connection_gives_the_same_row() -> None:
    """Of 5,040 orders within 7 ms 406 gave two connections, or a byte too many."""
    hello, frames = small_hello(b"claude.ai"), []
    orders = list(itertools.permutations(range(7)))
    for number, order in enumerate(orders):
        ends = Endpoints(number, v6=False, wrap=WRAPS["plain"])
        flow = list(tcp_flow(ends, [(0, hello, 0.001)], 1000, 0))
        frames += [Frame(flow[k].data, T0 + number * 2 + n / 1000) for n, k in enumerate(order)]
    tables = decode(pcap(frames))
    rows = flows_of(tables["observations"]).values()
    assert {(tuple(r["host"]), r["bytes_up"], r["started_at"]) for r in rows} == {
        (("claude.ai",), len(hello), 1)
    }
    assert tables["observations"].select(pl.col("bytes_down").sum(), pl.col("lost_bytes").sum()).row(0) == (
        9 * len(orders), 0,
    )  # fmt: skip


def test_modified_pcap_headers() -> None:
    """Kuznetzov's "modified" pcap: magic a1b2cd34, eight more bytes in each record header."""
    frames = Talk().shake().send(small_hello(b"a.example")).frames
    out = [struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 262144, 1)]
    for frame in frames:
        seconds, micros = divmod(round(frame.time * 1e6), 1_000_000)
        head = struct.pack("<IIIIIHBB", seconds, micros, len(frame.data), len(frame.data), 2, 0x800, 0, 0)
        out += [head, frame.data]
    content = b"".join(out)
    assert recognise(content)
    assert decode(content)["observations"]["host"].to_list() == ["a.example"]


def test_times_beyond_every_calendar_end_no_scan() -> None:
    frames = [Frame(f.data, 4_000_000_000.0) for f in Talk().shake().send(small_hello(b"a.example")).frames]
    interface = block(1, struct.pack("<HHI", 1, 0, 0))
    packets = []
    for frame in frames:
        ticks = round(frame.time * 1e9)  # nanoseconds, but the interface says nothing of it
        head = struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data), len(frame.data))
        packets.append(block(6, head + frame.data))
    rows = decode(section() + interface + b"".join(packets))["observations"]
    assert rows["host"].to_list() == ["a.example"]
    assert rows["seen_at"][0].year == 2200


def test_packets_between_megabytes_of_other_blocks_are_read() -> None:
    frames = Talk().shake().send(small_hello(b"a.example")).close().frames
    other = block(0xBAD, bytes(5_000_000)) * 10
    content = [section(), block(1, struct.pack("<HHI", 1, 0, 0))]
    for frame in frames:
        ticks = round(frame.time * 1e6)
        head = struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data), len(frame.data))
        content += [block(6, head + frame.data), other]
    got = decode(b"".join(content))
    assert got["observations"]["host"].to_list() == ["a.example"]
    assert got["rejects"].height == 0


def test_a_used_port_begins_anew_although_its_syn_was_lost() -> None:
    first = Talk().shake().send(small_hello(b"a.example")).reply(b"x" * 700)
    again = Talk(now=first.now + 3, up=900_000_000, down=3_000_000_000)
    again.send(b"y" * 500).reply(b"z" * 300)
    rows = decode(pcap([*first.frames, *again.frames]))["observations"].sort("seen_at")
    assert rows.select("bytes_up", "bytes_down", "lost_bytes").rows() == [
        (len(small_hello(b"a.example")), 700, 0), (500, 300, 0),
    ]  # fmt: skip


def test_a_new_answer_of_one_leg_begins_a_new_connection() -> None:
    frames = []
    for number, start in enumerate((9000, 600_000_000)):
        talk = Talk(now=T0 + 10 * number, down=start, up=start * 3).shake().reply(b"z" * (500 + 200 * number))
        frames += [f for f in talk.frames if f.data[26:30] == bytes([203, 0, 113, 9])]
    rows = decode(pcap(frames))["observations"].sort("seen_at")
    assert rows.select("bytes_up", "bytes_down").rows() == [(0, 500), (0, 700)]


def test_a_fault_ahead_of_its_turn_costs_one_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    if not jit.interpreted():
        pytest.skip("compiled kernels cannot be made to fail")
    frames = [f for n in range(30) for f in Talk(port=2000 + n, now=T0 + n).shake().frames]
    dissect = prefetch.dissect
    seen = iter(range(10**9))

    def failing(data: Any, frame: Any, packet: Any) -> int:
        if frame["time"] == round(frames[40].time * 1e6) and frame["link"] == 1:
            next(seen)
            raise IndexError
        return dissect(data, frame, packet)

    monkeypatch.setattr(prefetch, "dissect", failing)
    counted = totals(decode(pcap(frames))["coverage"])
    assert (counted["decoder_faults"], counted["decoded"]) == (1, len(frames) - 1)
    assert next(seen) == 1
