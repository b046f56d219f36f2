"""Packets a second that `shadowai capture` takes from a cable without dropping one, and what each costs.

    python tests/bench/bench_live.py [--megabytes 100] [--loops 8] [--runs 3]        root, Linux, tcpreplay

Two network namespaces, a cable between them; tcpreplay sends a made capture from memory as fast as it can,
the sensor in the other namespace decodes, names, matches and stores it. Both share the machine's cores.
Per packet: processor time of the whole sensor while it listens, less what it takes to listen to nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sensor.decode.kernels import jit
from tests.bench import measure
from tests.lab.network import connect, inside, remove_namespace, run, run_in
from tests.sensor.sources.packets.cable import PROGRAM, wait_for_listening
from tests.sensor.sources.packets.plain import write_capture

_ENDS = tuple(f"shadowbench{os.getpid()}{end}" for end in "ab")
_STOPPED_WITHIN_S = 60


@dataclass(frozen=True)
class Taken:
    """One run: packets sent, decoded and dropped, seconds of sending, the sensor's processor seconds (user's
    and system's)."""

    sent: int
    taken: int
    dropped: int
    seconds: float
    user_s: float
    system_s: float


def cable() -> None:
    """Two namespaces and a cable between them, with nothing on it but what is sent."""
    for name in _ENDS:
        run("ip", "netns", "add", name)
        run_in(name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    connect(_ENDS[0], "tx0", _ENDS[1], "rx0")


def replay(capture: Path, loops: int) -> tuple[int, float]:
    """Packets sent, and for how long."""
    program = [
        "tcpreplay",
        "-q",
        "--topspeed",
        "--preload-pcap",
        f"--loop={loops}",
        "-i",
        "tx0",
        str(capture),
    ]
    done = subprocess.run(inside(_ENDS[0], program), capture_output=True, text=True, check=True)
    (sent,) = re.findall(r"Successful packets:\s+(\d+)", done.stdout)
    (seconds,) = re.findall(r"bytes\) sent in ([0-9.]+) seconds", done.stdout)
    return int(sent), float(seconds)


def capture(folder: Path, pcap: Path | None, loops: int, options: list[str]) -> Taken:
    """Start a sensor, send (or wait a second), stop it."""
    stderr = folder / "stderr"
    shutil.rmtree(folder / "lake", ignore_errors=True)
    words = ["capture", "rx0", "--lake", str(folder / "lake"), "--state", str(folder / "state"), *options]
    with stderr.open("w") as file:
        process = subprocess.Popen(
            inside(_ENDS[1], [sys.executable, "-c", PROGRAM, *words]), stdout=subprocess.PIPE, stderr=file,
            text=True, env=os.environ | {"PYTHONPATH": str(measure.ROOT)}, cwd=folder,
        )  # fmt: skip
    wait_for_listening(process, stderr)
    before = _processor_s(process.pid)
    sent, seconds = replay(pcap, loops) if pcap else (0, time.sleep(1.0) or 1.0)
    time.sleep(0.3)
    user_s, system_s = (now - then for now, then in zip(_processor_s(process.pid), before, strict=True))
    process.terminate()
    out, _ = process.communicate(timeout=_STOPPED_WITHIN_S)
    if process.returncode:
        raise RuntimeError(stderr.read_text())
    if sent:
        compacting = ["compact", "--now", "--lake", str(folder / "lake"), "--state", str(folder / "state")]
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *compacting], check=True, cwd=folder, capture_output=True
        )
        found = measure.held(folder)
        measure.require(found.sightings > 0 and found.decoded == found.packets, found)
    (taken, dropped) = re.findall(r"rx0: ([0-9,]+) packets in \d+ s, ([0-9,]+) dropped", out)[0]
    return Taken(sent, int(taken.replace(",", "")), int(dropped.replace(",", "")), seconds, user_s, system_s)


def _processor_s(pid: int) -> tuple[float, float]:
    """User and system seconds of a process (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks, int(fields[12]) / ticks


def main() -> None:
    """Print a line for each mode."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--loops", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if os.geteuid() or not shutil.which("tcpreplay"):
        print("live: skipped, needs root and tcpreplay")
        return
    try:
        cable()
        with tempfile.TemporaryDirectory(prefix="shadowai-bench-") as name:
            folder = Path(name)
            (folder / "state").mkdir()
            (folder / "state" / "kernels").symlink_to(jit.use().parent)
            write_capture(folder / "office.pcap", options.megabytes * 1_000_000)
            capture(folder, None, 0, [])  # compiles the kernels
            idle = capture(folder, None, 0, [])
            for words in ([], ["--evidence"], ["--workers", "2"]):
                runs = [
                    capture(folder, folder / "office.pcap", options.loops, ["--ring-mb", "256", *words])
                    for _ in range(options.runs)
                ]
                print(line(" ".join(words) or "plain", runs, idle), flush=True)
    finally:
        for name in _ENDS:
            remove_namespace(name)


def line(mode: str, runs: list[Taken], idle: Taken) -> str:
    """Medians of the runs."""
    rate = statistics.median(one.sent / one.seconds for one in runs)
    user, system = (
        statistics.median((getattr(one, name) - getattr(idle, name)) / one.taken * 1e9 for one in runs)
        for name in ("user_s", "system_s")
    )
    dropped = sum(one.dropped for one in runs)
    lost = sum(one.sent - one.taken - one.dropped for one in runs)
    return (
        f"{mode:12} sent {rate / 1e3:,.0f} k packets/s   {user + system:,.0f} ns of processor a packet "
        f"({system:,.0f} in the kernel)   "
        f"{dropped:,} dropped, {lost:,} unaccounted of {sum(one.sent for one in runs):,}"
    )


if __name__ == "__main__":
    main()
