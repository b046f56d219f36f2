"""Frames go to the session their flow began in, at its simulated time, and survive writing and reading."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

from tests.lab.people import all_people
from tests.lab.record import Played
from tests.lab.story import Session
from tests.lab.timeshift import Dealer, Frame, Timeline, flow_key, read_frames, write_frames

PERSON = all_people()[0]
CLIENT_MAC, GATEWAY_MAC = bytes.fromhex(PERSON.client.mac.replace(":", "")), bytes(6)
CLIENT, SERVER = bytes([10, 20, 1, 11]), bytes([198, 51, 100, 10])
SYN, ACK = 0x02, 0x10


def tcp_frame(flags: int, *, up: bool = True) -> bytes:
    """A TCP segment between the client's port 40000 and the server's 443."""
    ends = [(CLIENT_MAC, CLIENT, 40000), (GATEWAY_MAC, SERVER, 443)]
    (source_mac, source, source_port), (target_mac, target, target_port) = ends if up else ends[::-1]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + source + target
    tcp = struct.pack("!HHIIBBHHH", source_port, target_port, 0, 0, 0x50, flags, 0, 0, 0)
    return target_mac + source_mac + b"\x08\x00" + ip + tcp


def played(case: str, started: float, day: int) -> Played:
    """A session of the person that really began at `started`."""
    session = Session(case, PERSON, datetime(2026, 11, day, tzinfo=UTC), ())
    return Played(session, started, started + 1, ())


def deal(frames: list[Frame], sessions: list[Played]) -> tuple[dict[str, list[Frame]], int]:
    """What each case gets, and how many frames belong to none."""
    dealer = Dealer(Timeline(sessions), {CLIENT_MAC: PERSON})
    return dealer.deal(frames), dealer.left_out


def test_both_directions_share_a_key_and_a_syn_opens() -> None:
    up, down = flow_key(tcp_frame(SYN), True), flow_key(tcp_frame(SYN | ACK, up=False), False)
    assert up[0] == down[0]
    assert (up[1], down[1]) == (True, False)


def test_late_frames_of_a_flow_follow_its_first() -> None:
    sessions = [played("a", 100.0, 2), played("b", 200.0, 3)]
    frames = [
        Frame(100_500_000_000, tcp_frame(SYN)),
        Frame(105_000_000_000, tcp_frame(ACK, up=False)),
        Frame(200_500_000_000, tcp_frame(SYN)),
    ]
    cases, left_out = deal(frames, sessions)
    assert [len(cases["a"]), len(cases["b"]), left_out] == [2, 1, 0]
    midnight = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
    assert cases["a"][0].at_ns == round((midnight + 0.5) * 1e9)
    assert cases["a"][1].at_ns - cases["a"][0].at_ns == 4_500_000_000


def test_frames_of_strangers_and_before_all_sessions_are_left_out() -> None:
    stranger = bytes(12) + tcp_frame(SYN)[12:]
    frames = [Frame(150_000_000_000, stranger), Frame(50_000_000_000, tcp_frame(SYN))]
    cases, left_out = deal(frames, [played("a", 100.0, 2)])
    assert (cases, left_out) == ({}, 2)


def test_written_nanoseconds_are_read_back(tmp_path: Path) -> None:
    frames = [Frame(1_793_606_400_123_456_789, tcp_frame(SYN)), Frame(1_793_606_401_000_000_001, b"\0" * 60)]
    write_frames(tmp_path / "x.pcap", frames, nanoseconds=True)
    assert list(read_frames(tmp_path / "x.pcap")) == frames
