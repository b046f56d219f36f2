"""Packets a second of the kernels alone, per traffic profile, beside dpkt on the same file.

    python tests/bench/bench_decode.py [--megabytes 200] [--runs 3]

On: containers, links, flow table, accounting, first messages put together. The first figure is of the kernels
alone, the second has reading the file in it, the third also what Python makes of the kernels' outputs (names,
JA4, decryption, frames). Processor seconds, of the first two without the thread beside that makes frames;
page cache warm, kernels compiled; each run in a process of its own, as a scan is; medians of the runs.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dpkt

sys.path.insert(0, str(Path(__file__).parents[2]))

from sensor.decode import warming
from sensor.decode.capture.reader import Capture
from sensor.decode.decoder import Decoder
from sensor.settings import PRIVATE_NETWORKS
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.packets.pcap import PcapSource
from tests.bench import measure, traffic

_DPKT_PACKETS = 100_000


class Timed(io.FileIO):
    """A file that knows the processor seconds that reading it took."""

    spent = 0.0

    def readinto(self, buffer: Any, /) -> int | None:
        """Read, and take the time."""
        began = time.thread_time()
        size = super().readinto(buffer)
        self.spent += time.thread_time() - began
        return size


class Kernels(Decoder):
    """A decoder whose kernels' outputs are thrown away unread, outside the time that counts."""

    aside = 0.0

    def _is_batch_full(self) -> bool:
        began = time.thread_time()
        full = super()._is_batch_full()
        self.aside += time.thread_time() - began
        return full


def kernels(path: Path) -> tuple[float, float, int]:
    """Processor seconds spent in describing and decoding, without reading the file and with it; packets."""
    warming.warm()
    decoder, spent, packets = Kernels(PRIVATE_NETWORKS), 0.0, 0
    with Timed(path) as stream:
        capture = Capture(stream, path.open("rb").read(HEAD_BYTES))
        while True:
            began = time.thread_time()
            if not capture.advance():
                break
            done, full = decoder.decode(capture, 0, capture.ready)
            capture.drop(done)
            packets += done
            spent += time.thread_time() - began
            if full:
                decoder.batch()
    with_reading = spent - decoder.aside
    return with_reading - stream.spent, with_reading, packets


def whole(path: Path) -> tuple[float, int]:
    """Processor seconds of the source (kernels, names, JA4, decryption, frames); packets decoded."""
    warming.warm()
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    file = File(path.name, "bench", head, path.stat().st_size, lambda: io.FileIO(path), str(path))
    began, decoded = time.process_time(), 0
    for batch in PcapSource().read(Input((file,), "bench")):
        decoded += int(batch.frames["coverage"]["decoded"].sum())
    return time.process_time() - began, decoded


def by_dpkt(path: Path) -> float:
    """Packets a second of a dpkt loop that only parses Ethernet, IP and TCP."""
    count, began = 0, time.process_time()
    with path.open("rb") as stream:
        for _, data in dpkt.pcap.Reader(stream):
            dpkt.ethernet.Ethernet(data)
            count += 1
            if count == _DPKT_PACKETS:
                break
    return count / (time.process_time() - began)


def main() -> None:
    """Print one line per profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    warming.warm()
    with tempfile.TemporaryDirectory() as folder:
        for name in traffic.PROFILES:
            path = Path(folder) / f"{name}.pcap"
            packets = traffic.write_profile(name, path, options.megabytes * 1_000_000)
            with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as fresh:
                spent = list(fresh.map(kernels, [path] * options.runs))
                everything = list(fresh.map(whole, [path] * options.runs))
            alone, read, taken = zip(*spent, strict=True)
            in_all, decoded = zip(*everything, strict=True)
            measure.require({*taken, *decoded} == {packets}, (name, packets, taken, decoded))
            rate, with_reading, rows = (packets / statistics.median(s) for s in (alone, read, in_all))
            print(
                f"{name:<11} {packets:10,} packets   kernels {rate / 1e6:6.2f} M/s   "
                f"with reading {with_reading / 1e6:6.2f} M/s   "
                f"with names, JA4, rows {rows / 1e6:6.2f} M/s   {rate / by_dpkt(path):5.0f} × dpkt",
                flush=True,
            )
            path.unlink()


if __name__ == "__main__":
    main()
