"""`shadowai scan` of a 1 GB capture as a whole process: time and peak memory, beside tshark and cat.

On: names, JA4, accounting, rollup of names, privacy, Parquet. Page cache warm, kernels compiled.
Run: `make bench`, or `python tests/bench/bench_scan.py [MEGABYTES]`.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.traffic import write_capture  # noqa: E402

RUNS = 3


def measure(words: list[str]) -> tuple[float, float]:
    """(seconds, peak MB) of one command, its output thrown away."""
    began = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, words
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def median(name: str, words: list[str], size_mb: float, runs: int = RUNS) -> float:
    """Print and return the median seconds of several runs."""
    results = [measure(words) for _ in range(runs)]
    seconds = statistics.median(s for s, _ in results)
    peak = max(mb for _, mb in results)
    print(f"{name:<28} {seconds:8.2f} s   {size_mb / seconds:8.0f} MB/s   peak {peak:6.0f} MB")
    return seconds


def main() -> None:
    """Write the capture, warm up, measure, print ratios."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    shadowai = str(Path(sys.executable).with_name("shadowai"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture, state = folder / "office.pcap", folder / "state"
        packets = write_capture(capture, megabytes * 1_000_000)
        print(f"{packets:,} packets, {megabytes} MB")
        subprocess.run([shadowai, "warm", "--state", str(state)], check=True)
        lake = folder / "lake"
        words = [sys.executable, "-c", _FRESH, str(lake), shadowai, "scan", str(capture), "--lake", str(lake)]
        ours = median("shadowai scan", [*words, "--state", str(state), "--quiet"], megabytes)
        cat = median("cat", ["cat", str(capture)], megabytes)
        print(f"÷ cat: {ours / cat:.1f}")
        if shutil.which("tshark"):
            fields = [
                "tshark",
                "-r",
                str(capture),
                "-T",
                "fields",
                "-e",
                "tls.handshake.extensions_server_name",
            ]
            theirs = median(
                "tshark -T fields (names)", [*fields, "-Y", "tls.handshake.type == 1"], megabytes, 1
            )
            print(f"tshark ÷ ours: {theirs / ours:.1f}")
    print(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB was the largest child")


#: each run fills a new lake; the exec keeps the process that is measured ours
_FRESH = "import os, shutil, sys; shutil.rmtree(sys.argv[1], True); os.execv(sys.argv[2], sys.argv[2:])"

if __name__ == "__main__":
    main()
