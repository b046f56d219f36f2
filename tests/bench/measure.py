"""Running what is measured: whole processes with their peak memory, medians, and the peers' command lines.

A figure counts only if the work was done: a benchmark holds what came of it against what it made.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from analytics.lake import open_views

ROOT = Path(__file__).parents[2]
#: where `make bench` installs nfstream, which needs an environment of its own
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"

_NFSTREAM = """
import sys
from nfstream import NFStreamer
flows = named = 0
for flow in NFStreamer(source=sys.argv[1], statistical_analysis=False):
    flows += 1
    named += bool(flow.requested_server_name)
print(flows, named)
"""
#: started from a small process, because a child's peak memory includes what it was forked from
_LAUNCH = """
import os, sys, time
null, began = os.open(os.devnull, os.O_WRONLY), time.perf_counter()
actions = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(status != 0)
"""
#: each run fills a new lake; the exec keeps the process that is measured ours
_FRESH = "import os, shutil, sys; shutil.rmtree(sys.argv[1], True); os.execv(sys.argv[2], sys.argv[2:])"
_HELD = """
SELECT SUM(packets), SUM(decoded), SUM(named_flows), SUM(records), (SELECT COUNT(*) FROM sightings)
FROM coverage
"""


@dataclass(frozen=True)
class Held:
    """What the lake of a measured scan holds."""

    packets: int
    decoded: int
    named_flows: int
    records: int
    sightings: int


@dataclass(frozen=True)
class Measured:
    """One command: median wall seconds, median processor seconds, largest peak memory."""

    seconds: float
    processor_s: float
    peak_mb: float


def measure(words: list[str], runs: int = 3, environment: dict[str, str] | None = None) -> Measured:
    """Run a command several times, its output thrown away. Raises if it fails."""
    results = [_once(words, environment or {}) for _ in range(runs)]
    walls, processors, peaks = zip(*results, strict=True)
    return Measured(statistics.median(walls), statistics.median(processors), max(peaks))


def _once(words: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    launcher = [sys.executable, "-S", "-c", _LAUNCH, *words]
    # an installed program has its bytecode beside it
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(launcher, capture_output=True, env=inherited | environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {words}")
    seconds, processor, peak_kb = (float(word) for word in done.stdout.split())
    return seconds, processor, peak_kb / 1024


def shadowai() -> str:
    """Our command, from the environment that runs the benchmark."""
    return str(Path(sys.executable).with_name("shadowai"))


def scan(capture: Path, folder: Path) -> list[str]:
    """`shadowai scan` of a capture into a new lake below `folder`."""
    lake = folder / "lake"
    ours = [shadowai(), "scan", str(capture), "--lake", str(lake), "--state", str(folder / "state"), "-q"]
    return [sys.executable, "-c", _FRESH, str(lake), *ours]


def held(folder: Path) -> Held:
    """What the last `scan` below `folder` stored."""
    with open_views(folder / "lake", restricted=True) as connection:
        return Held(*(int(value or 0) for value in connection.execute(_HELD).fetchall()[0]))


def require(done: bool, what: object) -> None:
    """End the benchmark if the work whose time was taken was not done."""
    if not done:
        raise SystemExit(f"nothing measured, the work was not done: {what}")


def peers(capture: Path) -> dict[str, list[str]]:
    """Command lines of the peers that are installed, by what they are called in the table."""
    name = str(capture)
    found = {}
    if PEERS_PYTHON.exists():
        found["nfstream 6.6 (flows + names)"] = [str(PEERS_PYTHON), "-c", _NFSTREAM, name]
    if reader := shutil.which("ndpiReader"):
        found["ndpiReader"] = [reader, "-i", name, "-q"]
    if tshark := shutil.which("tshark"):
        fields = ["-T", "fields", "-e", "tls.handshake.extensions_server_name", "-e", "dns.qry.name"]
        wanted = ["-Y", "tls.handshake.type == 1 or dns.flags.response == 0"]
        found["tshark -T fields (names only)"] = [tshark, "-n", "-r", name, *fields, *wanted]
    found["cat"] = ["cat", name]
    return found
