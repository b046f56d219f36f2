"""Cost per packet and memory with 10 k, 100 k and 1 M open connections, and under a SYN flood.

    python tests/bench/bench_flows.py [--largest 1000000] [--syns 10000000]

Every open connection sends in turn, the worst order for a cache; a million of six packets in all, so that as
many rows are made whatever is open at a time. Each reading is a process of its own with a table of that many
connections, fixed at the start; on: names, JA4, accounting, rows. The cost is
processor time of decoding alone, so the start of the process is not in it.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sensor.decode import warming
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.packets.pcap import PcapSource
from tests.bench import measure, traffic

#: connections of each reading, and packets of each: whatever is open at a time, the same rows are made
_CONNECTIONS, _PACKETS = 1_000_000, 6


def child(path: Path, connections: int) -> None:
    """Read a capture; print processor seconds, connections named, their names and peak memory as JSON."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    file = File(path.name, "bench", head, path.stat().st_size, lambda: io.FileIO(path), str(path))
    warming.warm()
    began, names, named = time.process_time(), set(), 0
    for batch in PcapSource(connections=connections).read(Input((file,), "bench")):
        names.update(batch.frames["observations"]["host"].drop_nulls().unique())
        named += int(batch.frames["coverage"]["named_flows"].sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump(
        {"seconds": time.process_time() - began, "names": len(names), "named": named, "peak_mb": peak},
        sys.stdout,
    )


def read(path: Path, connections: int) -> dict[str, float]:
    """What a child says of a capture."""
    words = [sys.executable, str(Path(__file__)), "--child", str(path), "--largest", str(connections)]
    done = subprocess.run(words, capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Print a line per number of connections, then the flood."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--syns", type=int, default=10_000_000)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.largest)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flows.pcap"
        least = None
        for flows in (n for n in (10_000, 100_000, 1_000_000) if n <= options.largest):
            packets = traffic.concurrent(path, flows, _PACKETS, of=_CONNECTIONS)
            told = read(path, flows + flows // 4)
            measure.require(told["named"] == _CONNECTIONS, told)
            cost = told["seconds"] / packets * 1e9
            least = least or cost
            print(
                f"{flows:9,} connections at a time, {packets:,} packets: {cost:5.0f} ns a packet "
                f"({cost / least:.2f} × the first), peak {told['peak_mb']:.0f} MB",
                flush=True,
            )
        packets = traffic.syn_flood(path, options.syns, 100)
        told = read(path, 1 << 18)
        measure.require(told["names"] == told["named"] == 100, told)
        print(
            f"flood of {options.syns:,} SYNs beside 100 connections: {told['names']:.0f} names, "
            f"{told['seconds'] / packets * 1e9:.0f} ns a packet, peak {told['peak_mb']:.0f} MB"
        )


if __name__ == "__main__":
    main()
