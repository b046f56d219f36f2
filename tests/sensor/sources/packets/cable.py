"""A cable between two network namespaces, captures at work on it, and what their lakes hold."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import polars as pl
import pytest

from tests.lab.network import inside
from tests.sensor.sources.packets import send

ROOT = Path(__file__).parents[4]
SPLIT_HELLO = ROOT / "pcaps" / "split-hello" / "capture.pcap"
Test = TypeVar("Test", bound=Callable[..., None])

PROGRAM = "from sensor.cli.main import run; run()"
#: The same, cutting a batch twice a second.
HASTY = (
    "from sensor.sources.packets import live; live.LiveSource.__init__.__kwdefaults__['flush_s'] = 0.5; "
    + PROGRAM
)
STARTED_WITHIN_S = 120  # the kernels may have to be compiled first

_TOOLS = ("ip", "ethtool", "sysctl", "setpriv")
_CAN = sys.platform.startswith("linux") and os.geteuid() == 0 and all(map(shutil.which, _TOOLS))


def root(test: Test) -> Test:
    """Marks a test that builds network namespaces, and skips it where that cannot be done."""
    reason = f"builds network namespaces: needs Linux, root and {', '.join(_TOOLS)}"
    return pytest.mark.root(pytest.mark.skipif(not _CAN, reason=reason)(test))


@dataclass
class Cable:
    """tx0 and tx1 in one namespace are connected to rx0 and rx1 in the other, where the sensor listens."""

    sender: str
    sensor: str
    state: Path

    def send(self, capture: Path, *interfaces: str) -> int:
        """Number of frames sent."""
        program = [sys.executable, send.__file__, str(capture), *(interfaces or ("tx0",))]
        done = subprocess.run(
            inside(self.sender, program), capture_output=True, text=True, check=True, timeout=60
        )
        return int(done.stdout)

    def replay(self, capture: Path) -> int:
        """The same with tcpreplay, as fast as it can. The interface counts: what tcpreplay says of itself is
        more than it sent (4.5.4)."""
        before = self._sent()
        program = ["tcpreplay", "-q", "--topspeed", "-i", "tx0", str(capture)]
        subprocess.run(inside(self.sender, program), capture_output=True, check=True, timeout=60)
        return self._sent() - before

    def _sent(self) -> int:
        """Frames tx0 has sent since it exists."""
        counter = ["cat", "/sys/class/net/tx0/statistics/tx_packets"]
        done = subprocess.run(
            inside(self.sender, counter), capture_output=True, text=True, check=True, timeout=60
        )
        return int(done.stdout)


@dataclass
class Running:
    """A capture at work."""

    process: subprocess.Popen[str]
    lake: Path
    stderr: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, standard output and error of the capture, stopped now."""
        time.sleep(0.02)  # what was sent reaches the ring, long before a block of it is full or old
        self.process.send_signal(how)
        return self.result()

    def result(self) -> tuple[int, str, str]:
        """The same of a capture that ends by itself."""
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out, self.stderr.read_text()


Start: TypeAlias = Callable[..., Running]


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}


def wait_for_listening(process: subprocess.Popen[str], stderr: Path) -> None:
    """Until the capture listens, or has ended."""
    until = time.monotonic() + STARTED_WITHIN_S
    while "listening to" not in stderr.read_text() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)


def table(lake: Path, name: str) -> pl.DataFrame:
    """Every row of a table of the lake: as compacted (after a scan), else as it landed."""
    files = list(lake.glob(f"*/{name}/cold/**/*.parquet")) or list(lake.glob(f"*/{name}/hot/**/*.parquet"))
    return pl.concat([pl.read_parquet(p, hive_partitioning=False) for p in files], how="diagonal_relaxed")


def names(lake: Path) -> dict[str, tuple[int, int, int, int]]:
    """Lookups, connections, bytes up and bytes down of each name seen."""
    counts = ("lookups", "connections", "bytes_up", "bytes_down")
    rows = table(lake, "names").group_by("host").agg(pl.col(name).sum() for name in counts)
    return {host: (lookups, *others) for host, lookups, *others in rows.iter_rows()}


def apps(lake: Path) -> list[tuple[str, str, str]]:
    """What was sighted: service, name, where the name is from."""
    return sorted(table(lake, "sightings").select("app", "host", "name_from").rows())


def total(lake: Path, column: str) -> int:
    """Sum of a column of coverage."""
    return int(table(lake, "coverage").get_column(column).sum())


def scan(path: Path, folder: Path, state: Path) -> Path:
    """The lake that `shadowai scan` makes of a file."""
    words = ["scan", str(path), "--lake", str(folder / "lake"), "--state", str(state), "--quiet"]
    program = [sys.executable, "-c", PROGRAM, *words]
    subprocess.run(program, env=environment(folder), cwd=folder, check=True, timeout=120)
    return folder / "lake"
