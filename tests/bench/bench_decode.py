"""Packets a second of the decoder, beside dpkt on the same file in the same session.

    python tests/bench/bench_decode.py [FILE] [--megabytes N]

Without FILE it makes a capture of TLS connections with bulk data (the figures then hold for that mix).
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import tempfile
import time
from pathlib import Path

import dpkt

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from sensor.decode import jit  # noqa: E402
from sensor.sources.interface import HEAD_BYTES, File, Input  # noqa: E402
from sensor.sources.pcap import PcapSource  # noqa: E402
from tests.sensor.decode.craft import T0, Frame, Talk, pcap  # noqa: E402
from tests.sensor.decode.test_stream import small_hello  # noqa: E402

_DPKT_PACKETS = 200_000


def connection(number: int) -> list[Frame]:
    """A hello in two segments, then 30 packets of 1,400 bytes and their acknowledgements."""
    talk = Talk(
        client=f"10.0.{number % 200}.{number % 251}", port=1024 + number % 60000, now=T0 + number / 500
    ).shake()
    hello = small_hello(f"host{number % 500}.example".encode(), padding=1500)
    talk.send(hello[:1400], acknowledged=False).send(hello[1400:])
    for _ in range(30):
        talk.reply(bytes(1400))
    return talk.close().frames


def make(path: Path, megabytes: int) -> None:
    """Write a capture of about this size; every connection is begun anew, none overlaps another's ports."""
    with path.open("wb") as out:
        out.write(pcap([]))
        number = 0
        while out.tell() < megabytes << 20:
            out.write(pcap(connection(number))[24:])
            number += 1


def by_dpkt(path: Path) -> float:
    """Packets a second of a dpkt loop that only parses Ethernet, IP and TCP."""
    count, began = 0, time.perf_counter()
    with path.open("rb") as stream:
        for _, data in dpkt.pcap.Reader(stream):
            dpkt.ethernet.Ethernet(data)
            count += 1
            if count == _DPKT_PACKETS:
                break
    return count / (time.perf_counter() - began)


def by_us(path: Path) -> tuple[int, int, float, float]:
    """Packets, rows, wall seconds and processor seconds of a whole read."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    file = File(path.name, "bench", head, path.stat().st_size, lambda: io.FileIO(path), str(path))
    wall, processor, packets, rows = time.perf_counter(), time.process_time(), 0, 0
    for batch in PcapSource().read(Input((file,), "bench")):
        packets += int(batch.frames["coverage"]["packets"].sum())
        rows += batch.frames["observations"].height
    return packets, rows, time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--megabytes", type=int, default=200)
    options = parser.parse_args()
    began = time.process_time()
    cold = jit.was_cold()
    jit.warm()
    print(
        f"kernels {'compiled' if cold else 'loaded'} in {time.process_time() - began:.1f} s of processor time"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "bench.pcap"
        if options.file is None:
            make(path, options.megabytes)
        packets, rows, wall, processor = by_us(path)
        size = path.stat().st_size / 1e6
        rate = f"{packets / processor:12,.0f} packets a CPU second"
        print(f"shadowai {rate}, {packets / wall:,.0f} a second")
        print(f"         {size / wall:12,.0f} MB/s, {packets:,} packets, {rows:,} rows")
        print(f"dpkt     {by_dpkt(path):12,.0f} packets a second")
    print(f"RSS peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:12,.0f} MB")


if __name__ == "__main__":
    main()
