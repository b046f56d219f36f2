"""Bytes, slices, ends and sides of connections."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sensor.decode.craft import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    SYN,
    T0,
    Frame,
    Talk,
    conserves,
    decode,
    ethernet,
    ip,
    observe,
    one,
    pcap,
    totals,
    udp,
)


def test_a_connection_is_one_row_with_unique_payload() -> None:
    row = one(Talk().shake().send(b"q" * 500).reply(b"a" * 1500).close().frames)
    assert (row["client"], row["client_port"], row["server"], row["server_port"]) == (
        CLIENT,
        40000,
        SERVER,
        443,
    )
    assert (row["bytes_up"], row["bytes_down"], row["lost_bytes"]) == (500, 1500, 0)
    assert (row["total_bytes_up"], row["total_bytes_down"]) == (500, 1500)
    assert (row["packets_up"], row["packets_down"]) == (6, 4)
    assert row["wire_bytes_up"] == 6 * 54 + 500
    assert (row["kind"], row["action"], row["slice"], row["transport"]) == ("flow", "allowed", 0, "tcp")
    assert row["client_mac"] == "02:00:00:00:00:05"
    assert row["started_at"] == row["seen_at"]


@pytest.mark.parametrize("isn", [1000, 0xFFFFFFFF, 0xFFFFFE00])
def test_retransmissions_and_reordering_count_once(isn: int) -> None:
    talk = Talk(up=isn).shake()
    first = talk.up
    for offset in (300, 0, 100, 100, 200, 350, 0):
        talk.put("up", first + offset, talk.down, PSH | ACK, bytes([offset % 251]) * 100)
    row = one(talk.frames)
    assert (row["bytes_up"], row["lost_bytes"]) == (450, 0)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 700)), min_size=1, max_size=8))
def test_coverage_is_the_union_of_the_segments(segments: list[tuple[int, int]]) -> None:
    talk = Talk(up=0xFFFFF800).shake()
    base, seen = talk.up, set()
    for offset, size in segments:
        talk.put("up", base + offset, talk.down, ACK, bytes(size))
        seen.update(range(offset, offset + size))
    assert one(talk.frames)["bytes_up"] == len(seen)


def test_bytes_the_sensor_missed_are_known_from_acknowledgements() -> None:
    talk = Talk().shake().send(b"x" * 100)
    talk.up += 5000  # never seen
    talk.put("down", talk.down, talk.up, ACK)
    row = one(talk.close().frames)
    assert (row["bytes_up"], row["lost_bytes"]) == (5100, 5000)


def test_one_direction_alone_gives_both_volumes() -> None:
    talk = Talk().shake().send(b"x" * 100).reply(b"y" * 900).reply(b"z" * 100).close()
    frames = [f for f in talk.frames if f.data[26:30] == bytes([10, 1, 0, 5])]
    row = one(frames)
    # The server's FIN was never seen, so its acknowledgement looks like a byte.
    assert (row["bytes_up"], row["bytes_down"]) == (100, 1001)
    assert row["packets_down"] == 0


def test_lengths_are_the_original_ones_where_the_capture_was_cut() -> None:
    frames = Talk().shake().send(b"x" * 1000).reply(b"y" * 1400).close().frames
    cut = [Frame(f.data[:60], f.time, len(f.data)) for f in frames]
    row = one(cut)
    assert (row["bytes_up"], row["bytes_down"]) == (1000, 1400)


def test_keep_alive_probes_are_no_bytes() -> None:
    talk = Talk().shake().send(b"x" * 10)
    talk.put("up", talk.up - 1, talk.down, ACK, b"\0")
    assert one(talk.frames)["bytes_up"] == 10


def test_more_than_four_gigabytes_are_counted_over_the_wrap() -> None:
    talk = Talk().shake()
    for _ in range(9):
        talk.up += 500_000_000
        talk.put("down", talk.down, talk.up, ACK)
    talk.send(bytes(1000))
    rows = observe(talk.frames)
    assert sum(r["bytes_up"] for r in rows) == rows[-1]["total_bytes_up"] == 4_500_001_000
    assert sum(r["lost_bytes"] for r in rows) == 4_500_000_000
    # a gigabyte ends a slice before its minute does
    assert [r["slice"] for r in rows] == [0, 1, 2, 3]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 250_000), st.booleans(), st.integers(0, 1200)), max_size=40))
def test_slices_add_up(steps: list[tuple[int, bool, int]]) -> None:
    talk = Talk().shake()
    for pause_ms, up, size in steps:
        talk.now += pause_ms / 1000
        if up:
            talk.send(bytes(size), acknowledged=size % 2 == 0)
        else:
            talk.reply(bytes(size))
    rows = observe(talk.frames)
    assert [r["slice"] for r in rows] == sorted({r["slice"] for r in rows})
    running_up = running_down = 0
    for row in rows:
        running_up, running_down = running_up + row["bytes_up"], running_down + row["bytes_down"]
        assert (row["total_bytes_up"], row["total_bytes_down"]) == (running_up, running_down)
        assert 0 <= row["duration_s"] <= 60
        assert row["started_at"] == rows[0]["started_at"]
    assert running_up == sum(s for _, up, s in steps if up)
    assert running_down == sum(s for _, up, s in steps if not up)
    assert sum(r["packets_up"] + r["packets_down"] for r in rows) == len(talk.frames)


def test_silence_ends_a_connection() -> None:
    talk = Talk().shake().send(b"a")
    talk.now += 301
    talk.send(b"b")
    assert [r["slice"] for r in observe(talk.frames)] == [0, 0]
    frames = [Frame(ethernet(ip(CLIENT, SERVER, 17, udp(1, 2, b"x"))), T0 + t) for t in (0, 59, 121)]
    assert [r["bytes_up"] for r in observe(frames)] == [2, 1]


def test_a_port_used_again_is_a_new_connection() -> None:
    first = Talk().shake().send(b"one").close()
    second = Talk(now=first.now + 1, up=777_777).shake().send(b"three").close()
    rows = observe(first.frames + second.frames)
    assert sorted(r["bytes_up"] for r in rows) == [3, 5]
    abandoned = Talk().shake().send(b"one")
    again = Talk(now=abandoned.now + 1, up=777_777).shake().send(b"three").close()
    assert sorted(r["bytes_up"] for r in observe(abandoned.frames + again.frames)) == [3, 5]


def test_a_second_answer_to_the_same_syn_is_no_second_connection() -> None:
    talk = Talk().shake()
    talk.put("down", 900_000_000, talk.up, SYN | ACK)
    row = one(talk.send(b"question").reply(b"answer").close().frames)
    assert (row["bytes_up"], row["bytes_down"], row["lost_bytes"]) == (8, 6, 0)


def test_reset_without_an_answer_is_no_use() -> None:
    for cause in (b"", b"policy"):
        talk = Talk().shake().send(b"hello?", acknowledged=False)
        talk.put("down", talk.down, 0, RST, cause)
        row = one(talk.frames)
        assert (row["action"], row["bytes_down"]) == ("reset", 0)
    talk = Talk().shake().send(b"hello?").reply(b"yes")
    talk.put("down", talk.down, 0, RST)
    assert one(talk.frames)["action"] == "allowed"


def test_mirrored_twice_is_counted_once() -> None:
    frames = Talk().shake().send(b"x" * 99).reply(b"y" * 88).close().frames
    doubled = [Frame(f.data, f.time + d) for f in frames for d in (0, 0.0003)]
    result = decode(pcap(doubled))
    row = result["observations"].to_dicts()[0]
    assert row["packets_up"] + row["packets_down"] == len(frames)
    assert totals(result["coverage"])["duplicates"] == len(frames)
    conserves(result["coverage"], 2 * len(frames))


def test_same_looking_datagrams_with_other_payload_are_no_duplicates() -> None:
    packet = [ip("fd00::1", "2001:db8::2", 17, udp(5000, 443, bytes([n]) * 1200)) for n in range(20)]
    same_label = [b"\x60\0\0\0" + p[4:] for p in packet]
    frames = [Frame(ethernet(p, kind=0x86DD), T0 + n / 10000) for n, p in enumerate(same_label)]
    assert one(frames)["bytes_up"] == 20 * 1200


class TestClient:
    """Who is the client: SYN > request > own networks > lower port is the server."""

    def test_syn_decides_even_if_its_answer_comes_first(self) -> None:
        talk = Talk(client="203.0.113.1", server="10.0.0.1", port=80, server_port=9999).shake().send(b"x")
        frames = talk.frames
        frames[0], frames[1] = Frame(frames[1].data, frames[0].time), Frame(frames[0].data, frames[1].time)
        row = one(frames)
        assert (row["client"], row["client_port"]) == ("203.0.113.1", 80)

    def test_request_decides_without_a_syn(self) -> None:
        talk = Talk(client="203.0.113.1", server="10.0.0.1", port=80, server_port=9999)
        talk.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert one(talk.frames)["client"] == "203.0.113.1"

    def test_own_networks_decide_next(self) -> None:
        talk = Talk(client="10.0.0.1", server="203.0.113.1", port=80, server_port=9999).send(b"\0\1\2")
        assert one(talk.frames)["client"] == "10.0.0.1"
        assert one(talk.frames, internal_networks=["203.0.113.0/24"])["client"] == "203.0.113.1"

    def test_lower_port_is_the_server(self) -> None:
        talk = Talk(client="10.0.0.1", server="10.0.0.2", port=50000, server_port=443).send(b"\0\1\2")
        assert one(talk.frames)["client"] == "10.0.0.1"

    def test_equal_ports_leave_it_unknown(self) -> None:
        frame = Frame(ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(500, 500, b"x"))))
        assert one([frame])["client"] is None
        group = Frame(ethernet(ip("10.0.0.1", "224.0.0.251", 17, udp(5350, 5350, b"x"))))
        assert one([group])["client"] == "10.0.0.1"


def test_a_full_table_evicts_and_says_so() -> None:
    frames = []
    for n in range(200):
        frames += Talk(port=1024 + n, now=T0 + n / 100).shake().send(b"x" * 10).frames
    frames.sort(key=lambda f: f.time)
    result = decode(pcap(frames), connections=64)
    assert totals(result["coverage"])["evictions"] == 200 - 64
    assert result["observations"]["bytes_up"].sum() == 2000
    conserves(result["coverage"], len(frames))


def test_the_seed_of_the_index_changes_no_row() -> None:
    frames = []
    for n in range(300):
        frames += Talk(port=1024 + n, now=T0 + n / 10).shake().send(b"x" * n).close().frames
    content = pcap(sorted(frames, key=lambda f: f.time))
    first = decode(content, seed=1, connections=32)
    second = decode(content, seed=2**63 + 12345, connections=32)
    for name, frame in first.items():
        assert frame.equals(second[name]), name


def test_one_sided_and_undecided_connections_are_counted() -> None:
    frames = [
        Frame(ethernet(ip(CLIENT, SERVER, 17, udp(40000, 853, b"x")))),
        Frame(ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(500, 500, b"x")))),
        Frame(ethernet(ip("10.0.0.2", "10.0.0.1", 17, udp(500, 500, b"x"))), T0 + 40),
        Frame(ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(500, 500, b"x"))), T0 + 61),
        # What is sent to a group is no connection.
        Frame(ethernet(ip("0.0.0.0", "255.255.255.255", 17, udp(68, 67, b"x"))), T0 + 62),
        Frame(ethernet(ip("10.0.0.1", "239.255.255.250", 17, udp(50000, 1900, b"x"))), T0 + 63),
        Frame(ethernet(ip("fe80::1", "ff02::c", 17, udp(50000, 3702, b"x")), kind=0x86DD), T0 + 64),
    ]
    counted = totals(decode(pcap(frames))["coverage"])
    assert (counted["flows"], counted["named_flows"], counted["undecided_flows"]) == (2, 0, 1)
    assert (counted["one_sided_flows"], counted["lost_bytes"]) == (1, 0)


def test_fin_takes_a_number_but_is_no_byte() -> None:
    talk = Talk().shake().send(b"x" * 7)
    talk.put("down", talk.down, talk.up + 1, ACK)  # the FIN's acknowledgement overtakes it
    talk.put("up", talk.up, talk.down, FIN | ACK)
    assert one(talk.frames)["bytes_up"] == 7
    assert one(talk.frames)["lost_bytes"] == 0


def test_a_syn_that_nobody_answers_is_one_connection_however_often_it_is_sent() -> None:
    talk = Talk()
    for wait in (0, 1, 2, 4, 8, 16):
        talk.now += wait
        talk.put("up", 1, 0, SYN)
    assert one(talk.frames)["packets_up"] == 6


def test_a_lone_syn_is_an_embryonic_connection() -> None:
    talk = Talk()
    talk.put("up", 1, 0, SYN)
    row = one(talk.frames)
    assert (row["client"], row["bytes_up"], row["bytes_down"]) == (CLIENT, 0, 0)
