"""Plays the story in real time, several people at once, while tcpdump listens at the SPAN port."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tests.lab import network
from tests.lab.clients import Desk
from tests.lab.story import Session

PARALLEL_PEOPLE = 4
QUIET_S = 0.4  # after each session, so that the last packets of one are not the first of the next


@dataclass(frozen=True)
class Played:
    """A session and when it really took place (Unix seconds); `faults` are steps that failed."""

    session: Session
    started: float
    ended: float
    faults: tuple[str, ...]

    @property
    def shift_s(self) -> float:
        """Seconds to add to a recorded time to get the simulated time."""
        return self.session.starts_at.timestamp() - self.started


@contextmanager
def capture(path: Path) -> Iterator[None]:
    """Record every frame at the SPAN port, in full and in nanoseconds, while the block runs."""
    command = ["tcpdump", "-i", network.SPAN_PORT, "-w", str(path), "-s", "0", "-B", "65536", "-n",
               "--time-stamp-precision=nano", "--immediate-mode", "-Z", "root"]  # fmt: skip
    process = subprocess.Popen(network.inside(network.SENSOR, command), stderr=subprocess.PIPE, text=True)
    try:
        wait_for_file(path, process)
        yield
        time.sleep(1.0)
    finally:
        process.terminate()
        _, messages = process.communicate(timeout=10)
    dropped = [line for line in messages.splitlines() if "dropped" in line and not line.startswith("0 ")]
    if dropped:
        raise RuntimeError(f"the capture lost frames ({dropped[0].strip()}); run fewer people at once")


def wait_for_file(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the capture file is open."""
    for _ in range(100):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    if not path.exists():
        raise RuntimeError("tcpdump did not start")
    time.sleep(0.3)


def play(sessions: list[Session], desk: Desk) -> list[Played]:
    """Play all sessions: one person's one after the other, different people's side by side."""
    stop = Event()
    lanes: dict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        lanes[session.person.user_name].append(session)
    played: list[Played] = []
    longest_first = sorted(lanes.values(), key=len, reverse=True)
    with ThreadPoolExecutor(PARALLEL_PEOPLE) as pool:
        try:
            for number, lane in enumerate(pool.map(lambda lane: play_lane(lane, desk, stop), longest_first)):
                played += lane
                print(f"  {number + 1} of {len(lanes)} people", file=sys.stderr, flush=True)
        except BaseException:
            stop.set()  # lets running lanes end after the session they are in
            pool.shutdown(cancel_futures=True)
            raise
    return played


def play_lane(lane: list[Session], desk: Desk, stop: Event) -> list[Played]:
    """One person's sessions in order, until told to stop."""
    done = []
    for session in lane:
        if stop.is_set():
            break
        started = time.time()
        faults = [fault for step in session.steps if (fault := desk.run(session.person, step))]
        done.append(Played(session, started, time.time(), tuple(faults)))
        time.sleep(QUIET_S)
    return done
