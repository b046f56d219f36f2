"""`shadowai scan` as a whole process beside nfstream, ndpiReader, tshark and cat on the same capture.

    python tests/bench/bench_scan.py [--megabytes 2000] [--runs 3]

On: names, JA4, accounting, naming by DNS, matching, rollup of names, privacy, Parquet, compaction. Page
cache warm, kernels compiled. tshark runs once (it is slow), everything else `--runs` times; medians.
Handshakes and QUIC Initials are counted per second of the whole process, and per second of what it takes
beyond an empty scan (start, catalog, compaction), which is what a longer capture tends to.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import measure, traffic
from tests.bench.measure import Measured


def show(name: str, result: Measured, size_mb: float, ours: Measured | None = None) -> None:
    """One row of the table."""
    text = f"  {name:<32} {result.seconds:8.2f} s  {size_mb / result.seconds:8.0f} MB/s"
    text += f"  {result.processor_s:7.2f} s of processor time  peak {result.peak_mb:6.0f} MB"
    print(text + (f"  {result.seconds / ours.seconds:7.1f} × ours" if ours else ""), flush=True)


def office(folder: Path, megabytes: int, runs: int) -> None:
    """The office capture: ours, then each peer as a ratio."""
    capture = folder / "office.pcap"
    packets = traffic.write_profile("office", capture, megabytes * 1_000_000)
    print(f"office mix, {packets:,} packets, {megabytes} MB; cache warm, kernels compiled")
    ours = measure.measure(measure.scan(capture, folder), runs)
    found = measure.held(folder)
    measure.require(found.packets == found.decoded == packets and found.sightings > 0, found)
    show("shadowai scan", ours, megabytes)
    for name, words in measure.peers(capture).items():
        show(name, measure.measure(words, 1 if name.startswith("tshark") else runs), megabytes, ours)
    capture.unlink()


def per_second(folder: Path, profile: str, what: str, each: float, megabytes: int, runs: int) -> None:
    """Hellos or Initials a second of a profile that has `each` of them a packet."""
    empty, capture = folder / "empty.pcap", folder / f"{profile}.pcap"
    traffic.write_profile(profile, empty, 0)
    packets = traffic.write_profile(profile, capture, megabytes * 1_000_000)
    small = traffic.PROFILES[profile]().packets
    start = measure.measure(measure.scan(empty, folder), runs)
    whole = measure.measure(measure.scan(capture, folder), runs)
    found = measure.held(folder)
    measure.require(found.decoded == packets and found.named_flows >= packets * each / 2, found)
    print(f"a scan of nothing: {start.seconds:.2f} s, of that {start.processor_s:.2f} s of processor time")
    text = f"{profile}: {packets * each:,.0f} {what} in {whole.seconds:.2f} s: "
    text += f"{packets * each / whole.seconds:,.0f}/s as a whole process, "
    if whole.seconds > 1.5 * start.seconds:
        text += f"{(packets - small) * each / (whole.seconds - start.seconds):,.0f}/s beyond the start, "
    print(text + f"peak {whole.peak_mb:.0f} MB; names and JA4 on", flush=True)
    capture.unlink()


def main() -> None:
    """Write the captures, warm up, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([measure.shadowai(), "warm", "--state", str(folder / "state")], check=True)
        first = folder / "first.pcap"
        traffic.write_profile("small", first, 0)
        measure.measure(measure.scan(first, folder), 1)  # compiles the catalog
        office(folder, options.megabytes, options.runs)
        # a connection of eight packets has one hello; one of nine has two Initials
        per_second(folder, "handshakes", "hellos", 1 / 8, options.megabytes // 4, options.runs)
        per_second(folder, "quic", "QUIC Initials", 2 / 9, options.megabytes // 4, options.runs)


if __name__ == "__main__":
    main()
