"""Moves recorded frames to their simulated time and deals them out to the cases.

A frame belongs to the person whose MAC it carries, and to that person's session in which its flow
began. Whatever belongs to no session (switch chatter before the first one) is left out and counted.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.people import Person
from tests.lab.record import Played
from tests.lab.story import Session

NANOSECOND_MAGIC, MICROSECOND_MAGIC = 0xA1B23C4D, 0xA1B2C3D4
ETHERNET = 1
IDLE_FLOW_NS = 10_000_000_000  # ports are reused after a while: then the flow is another one
GRACE_S = 0.05  # a session's first frame may carry a time just before the clock was read


class Timeline:
    """Who was in which session when."""

    def __init__(self, played: Iterable[Played]) -> None:
        self.by_person: dict[str, list[Played]] = defaultdict(list)
        for item in sorted(played, key=lambda item: item.started):
            self.by_person[item.session.person.user_name].append(item)

    def of_case(self, case: str) -> list[Session]:
        """The sessions that go to a case."""
        played = (item.session for sessions in self.by_person.values() for item in sessions)
        return [session for session in played if session.case == case]

    def session_at(self, person: Person, moment: float) -> Played | None:
        """The person's latest session begun at that (real) moment."""
        sessions = self.by_person.get(person.user_name, [])
        place = bisect_right(sessions, moment + GRACE_S, key=lambda item: item.started)
        return sessions[place - 1] if place else None


@dataclass(frozen=True)
class Frame:
    """A captured frame: nanoseconds since 1970 and its bytes."""

    at_ns: int
    data: bytes


@dataclass
class Dealer:
    """Deals frames out to cases, remembering which session each flow belongs to."""

    timeline: Timeline
    person_of_mac: dict[bytes, Person]
    flows: dict[bytes, tuple[Played, int]] = field(default_factory=dict)
    left_out: int = 0

    def deal(self, frames: Iterable[Frame]) -> dict[str, list[Frame]]:
        """Frames at simulated time by case, in order of time."""
        cases: dict[str, list[Frame]] = defaultdict(list)
        for frame in frames:
            played = self._session_of(frame)
            if played is None:
                self.left_out += 1
            else:
                shifted = Frame(frame.at_ns + round(played.shift_s * 1e9), frame.data)
                cases[played.session.case].append(shifted)
        return {case: sorted(dealt, key=lambda frame: frame.at_ns) for case, dealt in cases.items()}

    def _session_of(self, frame: Frame) -> Played | None:
        data = frame.data
        person = self.person_of_mac.get(data[6:12]) or self.person_of_mac.get(data[0:6])
        if person is None:
            return None
        upward = data[6:12] in self.person_of_mac
        key, opens = flow_key(data, upward)
        known = self.flows.get(key) if key else None
        if known and not opens and frame.at_ns - known[1] < IDLE_FLOW_NS:
            played: Played | None = known[0]
        else:
            played = self.timeline.session_at(person, frame.at_ns / 1e9)
        if key and played:
            self.flows[key] = (played, frame.at_ns)
        return played


def flow_key(data: bytes, upward: bool) -> tuple[bytes | None, bool]:
    """The same bytes for both directions of a TCP or UDP flow, and whether the frame opens one (SYN)."""
    kind = int.from_bytes(data[12:14], "big")
    if kind == 0x0800:
        protocol, addresses, start = data[23], data[26:34], 14 + 4 * (data[14] & 15)
    elif kind == 0x86DD:
        protocol, addresses, start = data[20], data[22:54], 54
    else:
        return None, False
    if protocol not in (6, 17) or len(data) < start + 14:
        return None, False
    half, ports = len(addresses) // 2, data[start : start + 4]
    downward = addresses[half:] + addresses[:half] + ports[2:] + ports[:2]
    key = addresses + ports if upward else downward
    opens = protocol == 6 and data[start + 13] & 0x12 == 0x02
    return bytes([protocol]) + key, opens


def read_frames(path: Path) -> Iterator[Frame]:
    """The frames of a little-endian nanosecond pcap file, as tcpdump writes it here."""
    with path.open("rb") as stream:
        magic, *_, link = struct.unpack("<IHHiIII", stream.read(24))
        if magic != NANOSECOND_MAGIC or link != ETHERNET:
            raise RuntimeError(f"{path}: not the capture this lab records")
        while len(header := stream.read(16)) == 16:
            seconds, nanoseconds, captured, _ = struct.unpack("<IIII", header)
            yield Frame(seconds * 1_000_000_000 + nanoseconds, stream.read(captured))


def write_frames(path: Path, frames: Iterable[Frame], *, nanoseconds: bool) -> None:
    """Write a pcap file of complete frames."""
    unit = 1 if nanoseconds else 1000
    with path.open("wb") as stream:
        magic = NANOSECOND_MAGIC if nanoseconds else MICROSECOND_MAGIC
        stream.write(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262144, ETHERNET))
        for frame in frames:
            seconds, rest = divmod(frame.at_ns, 1_000_000_000)
            size = len(frame.data)
            stream.write(struct.pack("<IIII", seconds, rest // unit, size, size) + frame.data)
